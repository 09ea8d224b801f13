#include <algorithm>
#include <array>
#include <cstdlib>
#include <fmt/format.h>
#include <utility>
#include <vector>

#include <leaselock/connect.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/file.hpp>
#include <leaselock/memory_backend.hpp>
#include <leaselock/printable.hpp>

#include "base/error_code_face.hpp"
#include "base/percent.hpp"

namespace leaselock {
namespace {

struct Scheme {
    std::string_view scheme;
    std::string_view name;
    detail::BackendOfUrl make;
};

std::shared_ptr<Backend> make_memory(std::string_view url,
                                     const std::shared_ptr<Clock>& /*clock*/) {
    if (url == "memory:" || url == "memory://") return std::make_shared<MemoryBackend>();
    throw LockError(Errc::invalid_url, "nothing follows memory:, for locks of this process alone");
}

std::shared_ptr<Backend> make_file(std::string_view url, const std::shared_ptr<Clock>& clock) {
    url.remove_prefix(std::string_view{"file:"}.size());
    if (url.starts_with("//")) url.remove_prefix(2);
    if (!url.empty() && !url.starts_with('/')) {
        throw LockError(Errc::invalid_url,
                        "a file: URL names a directory by its absolute path, file:/srv/app/locks");
    }
    return make_file_backend({.directory = std::string{url}, .clock = clock});
}

// Those that were registered: few, and as constants of programs are made, one after the other.
class Schemes {
  public:
    void add(const Scheme& scheme) noexcept {
        const detail::MutexLock lock{mutex_};
        const auto end = all_.begin() + static_cast<std::ptrdiff_t>(count_);
        const bool known = std::any_of(
            all_.begin(), end, [&](const Scheme& each) { return each.scheme == scheme.scheme; });
        if (!known && count_ < all_.size()) all_[count_++] = scheme;
    }
    [[nodiscard]] std::optional<Scheme> find(std::string_view url) const {
        const detail::MutexLock lock{mutex_};
        const auto end = all_.begin() + static_cast<std::ptrdiff_t>(count_);
        const auto found = std::find_if(
            all_.begin(), end, [&](const Scheme& each) { return url.starts_with(each.scheme); });
        return found == end ? std::nullopt : std::optional{*found};
    }

  private:
    mutable detail::Mutex mutex_;
    std::array<Scheme, 16> all_{{{"memory:", "memory", make_memory}, {"file:", "file", make_file}}};
    std::size_t count_ = 2;
};

// Never destroyed: a program's own statics may connect.
Schemes& schemes() {
    static auto* const all = new Schemes;
    return *all;
}

// The scheme alone: the rest may have a password in it.
LockError unknown(std::string_view url) {
    const std::size_t colon = url.find(':');
    const std::string_view scheme = colon == std::string_view::npos ? "" : url.substr(0, colon);
    const bool plain =
        !scheme.empty() && scheme.size() <= 32 &&
        scheme.find_first_not_of("abcdefghijklmnopqrstuvwxyz+-") == std::string_view::npos;
    const std::string what =
        plain ? fmt::format("the scheme {}: is not known", scheme) : "the URL has no scheme";
    return {make_error_code(Errc::invalid_url),
            what +
                "; there are memory: and file:/path, redis://host where the program includes "
                "<leaselock/redis.hpp>, and hazelcast://host with <leaselock/hazelcast.hpp>"};
}

// What may stand for itself in user, password and host of a URL.
std::string encoded(std::string_view text) {
    return base::percent_encoded(text, [](char c, std::size_t /*at*/) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.' || c == '_';
    });
}

std::string url_of(const RootOptions::Redis& redis) {
    const bool is_name = redis.host.find_first_of("/@ ") == std::string::npos;
    if (redis.host.empty() || !is_name) {
        throw LockError(Errc::invalid_option,
                        "redis.host is no name or address, without scheme, user and port");
    }
    const bool is_v6 = redis.host.find(':') != std::string::npos;
    const std::string login =
        redis.username.empty() && redis.password.empty()
            ? ""
            : fmt::format("{}:{}@", encoded(redis.username), encoded(redis.password));
    return fmt::format("redis://{}{}:{}/{}", login, is_v6 ? "[" + redis.host + "]" : redis.host,
                       redis.port, redis.db);
}

}  // namespace

bool detail::register_scheme(std::string_view scheme, std::string_view name,
                             BackendOfUrl make) noexcept {
    schemes().add({scheme, name, make});
    return true;
}

LockManager connect(std::string_view url, ManagerOptions options) {
    const auto scheme = schemes().find(url);
    if (!scheme) throw unknown(url);
    options.backend = scheme->name;
    const std::shared_ptr<Clock> clock = options.clock == nullptr ? boot_clock() : options.clock;
    std::shared_ptr<Backend> backend = scheme->make(url, clock);
    LockManager manager{std::move(options)};
    // Memory is there from the start.
    if (scheme->name != "memory") {
        manager.register_backend(std::string{scheme->name}, std::move(backend));
    }
    return manager;
}

std::optional<LockManager> connect(std::string_view url, ManagerOptions options,
                                   std::error_code& ec) {
    return base::caught(
        ec, [&] { return std::optional<LockManager>{connect(url, std::move(options))}; });
}

LockManager from_environment(ManagerOptions options) {
    const char* const url = std::getenv("LEASELOCK_URL");
    if (url == nullptr || *url == '\0') {
        throw LockError(Errc::invalid_url,
                        "LEASELOCK_URL is not set; memory: is for locks of this process alone");
    }
    if (const char* const prefix = std::getenv("LEASELOCK_PREFIX")) options.prefix = prefix;
    return connect(url, std::move(options));
}

LockManager for_root(const RootOptions& options) {
    ManagerOptions manager{.prefix = options.prefix, .default_ttl = options.default_ttl};
    if (options.backend == "memory") return connect("memory:", std::move(manager));
    if (options.backend == "file") return connect("file:" + options.directory, std::move(manager));
    if (options.backend == "redis") return connect(url_of(options.redis), std::move(manager));
    throw LockError(Errc::invalid_option, fmt::format("backend = '{}', allowed are memory, file "
                                                      "and redis",
                                                      printable(options.backend)));
}

}  // namespace leaselock

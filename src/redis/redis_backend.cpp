#include <algorithm>
#include <array>
#include <fmt/core.h>
#include <new>

#include <leaselock/redis.hpp>

#include "redis/codec.hpp"
#include "redis/examine.hpp"
#include "redis/inbox.hpp"
#include "redis/link.hpp"
#include "redis/side_keys.hpp"
#include "wire/url.hpp"

namespace leaselock {
namespace {

using std::chrono::milliseconds;

class RedisBackend final : public Backend {
  public:
    // Without an inbox nobody waits by it.
    RedisBackend(redis::LinkSettings settings, std::shared_ptr<Clock> clock,
                 std::unique_ptr<redis::Inbox> inbox)
        : settings_{std::move(settings)},
          clock_{std::move(clock)},
          inbox_{std::move(inbox)},
          link_{settings_, clock_, inbox_.get()} {}
    RedisBackend(const RedisBackend&) = delete;
    RedisBackend& operator=(const RedisBackend&) = delete;
    ~RedisBackend() override {
        // Its thread is the parent's, so it is neither ended nor waited for.
        if (inbox_ && inbox_->inherited()) static_cast<void>(inbox_.release());
    }

    using Backend::submit;

    void submit(std::span<Operation* const> operations) noexcept override {
        if (std::none_of(operations.begin(), operations.end(), refused)) {
            send(operations);
            return;
        }
        for (Operation* const operation : operations) {
            if (!refuse(*operation)) send({&operation, 1});
        }
    }
    bool pump(Operation& operation, Clock::time_point until) noexcept override {
        return link_.pump(operation, until);
    }
    void detach(Operation& operation) noexcept override { link_.detach(operation); }
    void listen(Listener& listener) noexcept override {
        if (inbox_) inbox_->listen(listener);
    }
    void forget(Listener& listener) noexcept override {
        if (inbox_) inbox_->forget(listener);
    }
    std::shared_ptr<Backend> side_channel() override {
        return std::make_shared<RedisBackend>(settings_, clock_, nullptr);
    }
    void examine(std::vector<Finding>& findings) override {
        redis::examine(settings_, clock_, findings);
    }

  private:
    void send(std::span<Operation* const> operations) noexcept {
        link_.submit(operations, inbox_ ? inbox_->enlist(operations) : 0);
    }
    static bool refused(const Operation* operation) noexcept {
        return !redis::key_fault(operation->request.key).empty();
    }
    // Completes an operation whose key Redis cannot do.
    static bool refuse(Operation& operation) noexcept {
        const std::string_view fault = redis::key_fault(operation.request.key);
        if (fault.empty()) return false;
        try {
            operation.fail(Errc::invalid_key, fmt::format("the key {}", fault));
        } catch (const std::bad_alloc&) {
            operation.fail(Errc::invalid_key, {});  // an empty text needs no memory
        }
        return true;
    }

    const redis::LinkSettings settings_;
    const std::shared_ptr<Clock> clock_;
    std::unique_ptr<redis::Inbox> inbox_;
    redis::Link link_;
};

constexpr milliseconds default_timeout = std::chrono::seconds{1};
constexpr milliseconds longest_timeout = std::chrono::hours{1};

milliseconds checked(std::string_view name, Duration value) {
    if (value.value() >= milliseconds{1} && value.value() <= longest_timeout) return value.value();
    throw LockError(Errc::invalid_option,
                    fmt::format("{} = {} ms, allowed are 1 to {} ms", name, value.value().count(),
                                longest_timeout.count()));
}

// Option texts are shown only if they look like options.
std::string shown(std::string_view text) {
    const bool plain =
        text.size() <= 32 &&
        text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789-.") == std::string_view::npos;
    return plain ? fmt::format("'{}'", text) : "(not shown)";
}

Duration parsed(std::string_view name, std::string_view text) {
    if (const auto value = wire::parse_duration(text)) return *value;
    throw LockError(Errc::invalid_url,
                    fmt::format("URL option {} = {}, allowed are 1ms to 1h, as in 250ms or 2s",
                                name, shown(text)));
}

struct TlsText {
    std::string_view name;
    std::string TlsOptions::*field;
};
constexpr std::array tls_texts{
    TlsText{"ca_file", &TlsOptions::ca_file}, TlsText{"ca_dir", &TlsOptions::ca_dir},
    TlsText{"cert_file", &TlsOptions::cert_file}, TlsText{"key_file", &TlsOptions::key_file},
    TlsText{"server_name", &TlsOptions::server_name}};

// Fills in what the options do not say already. False: TLS has no option of that name.
bool take_tls_option(const std::pair<std::string, std::string>& option, TlsOptions& tls) {
    const std::string& name = option.first;
    const std::string& value = option.second;
    if (name == "verify") {
        if (value != "on" && value != "off") {
            throw LockError(Errc::invalid_url, fmt::format("URL option verify = {}, allowed are on "
                                                           "and off",
                                                           shown(value)));
        }
        if (!tls.verify) tls.verify = value == "on";
        return true;
    }
    const auto known = std::find_if(tls_texts.begin(), tls_texts.end(),
                                    [&](const TlsText& text) { return text.name == name; });
    if (known == tls_texts.end()) return false;
    if (value.empty()) {
        throw LockError(Errc::invalid_url,
                        fmt::format("URL option {} is empty, allowed is 1 byte or more", name));
    }
    if ((tls.*known->field).empty()) tls.*known->field = value;
    return true;
}

// OpenSSL reads a text as far as the first NUL.
void check_tls_texts(const TlsOptions& tls) {
    for (const auto& [name, field] : tls_texts) {
        if ((tls.*field).find('\0') == std::string::npos) continue;
        throw LockError(Errc::invalid_option,
                        fmt::format("{} has a NUL byte, allowed is any other", name));
    }
    constexpr std::size_t longest = 255;
    if (tls.server_name.size() <= longest) return;
    throw LockError(Errc::invalid_option,
                    fmt::format("server_name has {} bytes, allowed are 1 to {}",
                                tls.server_name.size(), longest));
}

// Null without TLS.
std::shared_ptr<const wire::TlsContext> context_of(const wire::Url& url, const TlsOptions& tls) {
    if (!url.tls) {
        for (const auto& [name, field] : tls_texts) {
            if ((tls.*field).empty() && (name != "ca_file" || !tls.verify)) continue;
            throw LockError(Errc::invalid_option,
                            fmt::format("{} is set, allowed with rediss:// only",
                                        (tls.*field).empty() ? "verify" : name));
        }
        return nullptr;
    }
    check_tls_texts(tls);
    if (tls.cert_file.empty() != tls.key_file.empty()) {
        throw LockError(Errc::invalid_option,
                        fmt::format("cert_file = '{}' and key_file = '{}', allowed are both or "
                                    "neither",
                                    tls.cert_file, tls.key_file));
    }
    return std::make_shared<wire::TlsContext>(wire::TlsSettings{
        .verify = tls.verify.value_or(true),
        .ca_file = tls.ca_file,
        .ca_dir = tls.ca_dir,
        .cert_file = tls.cert_file,
        .key_file = tls.key_file,
        .server_name = tls.server_name,
    });
}

// What the URL's options say goes behind what `options` say.
RedisOptions merged(const wire::Url& url, RedisOptions options) {
    for (const auto& option : url.options) {
        const auto& [name, value] = option;
        if (take_tls_option(option, options.tls)) continue;
        const bool connecting = name == "connect_timeout";
        if (!connecting && name != "command_timeout") {
            throw LockError(Errc::invalid_url,
                            fmt::format("URL option {} is not known, allowed are connect_timeout, "
                                        "command_timeout, verify, ca_file, ca_dir, cert_file, "
                                        "key_file and server_name",
                                        shown(name)));
        }
        const Duration duration = parsed(name, value);
        auto& target = connecting ? options.connect_timeout : options.command_timeout;
        if (!target) target = duration;
    }
    if (options.username.empty()) options.username = url.username;
    if (options.password.empty()) options.password = url.password;
    return options;
}

// Null if the options have no callback.
std::function<redis::Credentials()> asking(const RedisOptions& options, int database) {
    if (options.credentials == nullptr) return nullptr;
    return [ask = options.credentials, database] {
        RedisCredentials who = ask();
        return redis::Credentials{.username = std::move(who.username),
                                  .password = std::move(who.password),
                                  .database = database};
    };
}

redis::LinkSettings settings_of(const RedisOptions& given) {
    if (given.clock == nullptr) {
        throw LockError(Errc::invalid_option, "clock = null, allowed is any Clock");
    }
    const wire::Url url = wire::parse_url(given.url);
    const RedisOptions options = merged(url, given);
    return {
        .endpoint = {.host = url.host,
                     .port = url.port,
                     .unix_path = url.unix_path,
                     .tls = context_of(url, options.tls)},
        .credentials = {.username = options.username,
                        .password = options.password,
                        .database = url.database},
        .ask_credentials = asking(options, url.database),
        .name = wire::masked(url),
        .connect_timeout =
            checked("connect_timeout", options.connect_timeout.value_or(default_timeout)),
        .command_timeout =
            checked("command_timeout", options.command_timeout.value_or(default_timeout)),
    };
}

}  // namespace

std::shared_ptr<Backend> make_redis_backend(const RedisOptions& options) {
    redis::LinkSettings settings = settings_of(options);
    auto inbox = std::make_unique<redis::Inbox>(settings, options.clock);
    return std::make_shared<RedisBackend>(std::move(settings), options.clock, std::move(inbox));
}

std::shared_ptr<Backend> make_redis_backend(const RedisOptions& options, std::error_code& ec) {
    ec.clear();
    try {
        return make_redis_backend(options);
    } catch (const LockError& error) {
        ec = error.code();
        return nullptr;
    }
}

LockManager connect(std::string_view url, ManagerOptions options) {
    options.backend = "redis";
    RedisOptions redis;
    redis.url = url;
    if (options.clock != nullptr) redis.clock = options.clock;
    LockManager manager{std::move(options)};
    manager.register_backend("redis", make_redis_backend(redis));
    return manager;
}

std::optional<LockManager> connect(std::string_view url, ManagerOptions options,
                                   std::error_code& ec) {
    ec.clear();
    try {
        return connect(url, std::move(options));
    } catch (const LockError& error) {
        ec = error.code();
        return std::nullopt;
    }
}

}  // namespace leaselock

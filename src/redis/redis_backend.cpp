#include <algorithm>
#include <fmt/core.h>
#include <new>

#include <leaselock/redis.hpp>

#include "redis/codec.hpp"
#include "redis/link.hpp"
#include "redis/side_keys.hpp"
#include "wire/url.hpp"

namespace leaselock {
namespace {

using std::chrono::milliseconds;

class RedisBackend final : public Backend {
  public:
    RedisBackend(redis::LinkSettings settings, std::shared_ptr<Clock> clock)
        : link_{std::move(settings), std::move(clock)} {}

    void submit(Operation& operation) noexcept override {
        try {
            const std::string_view fault = redis::key_fault(operation.request.key);
            if (!fault.empty()) {
                operation.fail(Errc::invalid_key, fmt::format("the key {}", fault));
                return;
            }
            link_.submit(operation);
        } catch (const std::bad_alloc&) {
            operation.fail(Errc::connect_failed, {});  // no memory; an empty text needs none
        }
    }
    bool pump(Operation& operation) noexcept override { return link_.pump(operation); }
    void detach(Operation& operation) noexcept override { link_.detach(operation); }

  private:
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

// Option texts are shown only if they look like options: in a URL with a stray '?' in its password,
// they are parts of that.
std::string shown(const wire::Url& url, std::string_view text) {
    const bool stray = std::any_of(url.options.begin(), url.options.end(), [](const auto& option) {
        return (option.first + option.second).find('@') != std::string::npos;
    });
    const bool plain =
        text.size() <= 32 &&
        text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789-.") == std::string_view::npos;
    return plain && !stray ? fmt::format("'{}'", text) : "(not shown)";
}

Duration parsed(const wire::Url& url, std::string_view name, std::string_view text) {
    if (const auto value = wire::parse_duration(text)) return *value;
    throw LockError(Errc::invalid_url,
                    fmt::format("URL option {} = {}, allowed are 1ms to 1h, as in 250ms or 2s",
                                name, shown(url, text)));
}

redis::LinkSettings settings_of(const RedisOptions& options) {
    if (options.clock == nullptr) {
        throw LockError(Errc::invalid_option, "clock = null, allowed is any Clock");
    }
    const wire::Url url = wire::parse_url(options.url);
    std::optional<Duration> connect_timeout = options.connect_timeout;
    std::optional<Duration> command_timeout = options.command_timeout;
    for (const auto& [name, value] : url.options) {
        const bool connecting = name == "connect_timeout";
        if (!connecting && name != "command_timeout") {
            throw LockError(Errc::invalid_url,
                            fmt::format("URL option {} is not known, allowed are "
                                        "connect_timeout and command_timeout",
                                        shown(url, name)));
        }
        const Duration duration = parsed(url, name, value);
        auto& target = connecting ? connect_timeout : command_timeout;
        if (!target) target = duration;
    }
    return {
        .endpoint = {.host = url.host, .port = url.port, .unix_path = url.unix_path},
        .credentials = {.username = options.username.empty() ? url.username : options.username,
                        .password = options.password.empty() ? url.password : options.password,
                        .database = url.database},
        .name = wire::masked(url),
        .connect_timeout = checked("connect_timeout", connect_timeout.value_or(default_timeout)),
        .command_timeout = checked("command_timeout", command_timeout.value_or(default_timeout)),
    };
}

}  // namespace

std::shared_ptr<Backend> make_redis_backend(const RedisOptions& options) {
    return std::make_shared<RedisBackend>(settings_of(options), options.clock);
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

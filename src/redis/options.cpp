#include "redis/options.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <map>

#include "redis/sentinels.hpp"
#include "wire/tls_options.hpp"
#include "wire/url.hpp"

namespace leaselock::redis {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr milliseconds default_timeout = std::chrono::seconds{1};
constexpr milliseconds longest_timeout = std::chrono::hours{1};
constexpr microseconds longest_spin{1000};
constexpr milliseconds default_wait{100};
constexpr int most_replicas = 100;
constexpr int default_in_flight = 65'536;
constexpr int most_in_flight = 1'000'000;

milliseconds checked(std::string_view name, Duration value) {
    if (value.value() >= milliseconds{1} && value.value() <= longest_timeout) return value.value();
    throw LockError(Errc::invalid_option,
                    fmt::format("{} = {} ms, allowed are 1 to {} ms", name, value.value().count(),
                                longest_timeout.count()));
}

microseconds checked_spin(microseconds value) {
    if (value >= microseconds{0} && value <= longest_spin) return value;
    throw LockError(Errc::invalid_option, fmt::format("spin = {} us, allowed are 0 to {} us",
                                                      value.count(), longest_spin.count()));
}

int checked_replicas(int value) {
    if (value >= 0 && value <= most_replicas) return value;
    throw LockError(Errc::invalid_option,
                    fmt::format("wait_replicas = {}, allowed are 0 to {}", value, most_replicas));
}

// The answer must come within the command time-out.
milliseconds checked_wait(const RedisOptions& options, milliseconds command_timeout) {
    if (!options.wait_replicas_timeout) {
        return std::clamp(command_timeout / 2, milliseconds{1}, default_wait);
    }
    const milliseconds value = options.wait_replicas_timeout->value();
    if (value >= milliseconds{1} && value < command_timeout) return value;
    throw LockError(Errc::invalid_option,
                    fmt::format("wait_replicas_timeout = {} ms, allowed are 1 ms to less than "
                                "command_timeout, {} ms",
                                value.count(), command_timeout.count()));
}

std::size_t checked_in_flight(int value) {
    if (value >= 1 && value <= most_in_flight) return static_cast<std::size_t>(value);
    throw LockError(Errc::invalid_option,
                    fmt::format("max_in_flight = {}, allowed are 1 to {}", value, most_in_flight));
}

// Names of options are shown only if they look like names, and values never.
std::string shown(std::string_view name) {
    const bool plain = name.size() <= 32 && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") ==
                                                std::string_view::npos;
    return plain ? fmt::format("'{}'", name) : "(not shown)";
}

microseconds parsed_time(std::string_view name, std::string_view text, std::string_view allowed) {
    if (const auto value = wire::parse_duration(text)) return *value;
    throw LockError(Errc::invalid_url,
                    fmt::format("URL option {} is wrong, allowed are {}", name, allowed));
}

int parsed_number(std::string_view name, std::string_view text, int least, int most) {
    int value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc{} && stop == end) return value;
    throw LockError(Errc::invalid_url,
                    fmt::format("URL option {} is wrong, allowed are {} to {}", name, least, most));
}

NodeAddress parsed_address(const std::string& text) {
    const bool is_plain = !text.empty() && text.find_first_of("/@?#") == std::string::npos;
    if (is_plain) {
        try {
            const wire::Url url = wire::parse_url("redis://" + text);
            return {url.host, url.port};
        } catch (const LockError&) {
        }
    }
    throw LockError(Errc::invalid_option,
                    "node_addresses has what is no address; allowed: host, host:port, [IPv6]:port");
}

// The URL speaks where the field is silent.
template <class Field, class Value>
void fill(std::optional<Field>& field, Value value) {
    if (!field) field = value;
}

// Of the same URL with TLS.
std::string_view tls_scheme_of(const wire::Url& url) noexcept {
    if (url.cluster) return "rediss+cluster";
    return url.master.empty() ? "rediss" : sentinel_tls_scheme;
}

// Null without TLS.
std::shared_ptr<const wire::TlsContext> context_of(const wire::Url& url, const TlsOptions& tls) {
    if (url.tls) return wire::tls_context_of(tls, "redis");
    wire::refuse_tls_options(tls, tls_scheme_of(url));
    return nullptr;
}

// False: there is no option of that name for this URL.
bool take_sentinel_option(const wire::Url& url, const std::pair<std::string, std::string>& option,
                          RedisOptions& options) {
    if (url.master.empty()) return false;
    const auto& [name, value] = option;
    if (name != "sentinel_user" && name != "sentinel_password") return false;
    std::string& field =
        name == "sentinel_user" ? options.sentinel_username : options.sentinel_password;
    if (field.empty()) field = value;
    return true;
}

// What the URL's options say comes after what `options` say.
RedisOptions merged(const wire::Url& url, RedisOptions options) {
    for (const auto& option : url.options) {
        const auto& [name, value] = option;
        if (wire::take_tls_option(name, value, options.tls)) continue;
        if (take_sentinel_option(url, option, options)) continue;
        if (name == "connect_timeout") {
            fill(options.connect_timeout, parsed_time(name, value, "1ms to 1h, as in 250ms or 2s"));
        } else if (name == "command_timeout") {
            fill(options.command_timeout, parsed_time(name, value, "1ms to 1h, as in 250ms or 2s"));
        } else if (name == "spin") {
            fill(options.spin, parsed_time(name, value, "0us to 1ms, as in 20us"));
        } else if (name == "node_addresses" && url.cluster) {
            if (options.node_addresses.empty())
                options.node_addresses = wire::parse_address_pairs(name, value);
        } else if (name == "max_in_flight") {
            fill(options.max_in_flight, parsed_number(name, value, 1, most_in_flight));
        } else if (name == "wait_replicas") {
            fill(options.wait_replicas, parsed_number(name, value, 0, most_replicas));
        } else if (name == "wait_replicas_timeout") {
            fill(options.wait_replicas_timeout,
                 parsed_time(name, value, "1ms to less than command_timeout, as in 50ms"));
        } else {
            throw LockError(Errc::invalid_url,
                            fmt::format("URL option {} is not known, allowed are connect_timeout, "
                                        "command_timeout, spin, max_in_flight, wait_replicas, "
                                        "wait_replicas_timeout, verify, ca_file, "
                                        "ca_dir, cert_file, key_file and server_name; with "
                                        "redis+cluster also node_addresses, with redis+sentinel "
                                        "sentinel_user and sentinel_password",
                                        shown(name)));
        }
    }
    if (options.username.empty()) options.username = url.username;
    if (options.password.empty()) options.password = url.password;
    return options;
}

// Where the fields say that the server is.
wire::Url placed(wire::Url url, const RedisOptions& options) {
    const bool is_set = !options.host.empty() || options.port.has_value();
    if (is_set && (!url.unix_path.empty() || !url.hosts.empty())) {
        throw LockError(Errc::invalid_option,
                        "host or port is set beside a redis+unix:, redis+sentinel: or "
                        "redis+cluster: URL");
    }
    const bool has_sentinels = !url.master.empty();
    const bool has_login = !options.sentinel_username.empty() || !options.sentinel_password.empty();
    if (has_login && !has_sentinels) {
        throw LockError(Errc::invalid_option,
                        "sentinel_username or sentinel_password is set, allowed with "
                        "redis+sentinel:// and rediss+sentinel:// only");
    }
    if (options.host.find_first_of(std::string_view{"/@[] \0\r\n", 8}) != std::string::npos) {
        throw LockError(Errc::invalid_option,
                        "host is no name or address, without scheme, user, port and brackets");
    }
    if (options.port && (*options.port < 1 || *options.port > 65'535)) {
        throw LockError(Errc::invalid_option,
                        fmt::format("port = {}, allowed are 1 to 65535", *options.port));
    }
    if (!options.host.empty()) url.host = options.host;
    if (options.port) url.port = static_cast<std::uint16_t>(*options.port);
    return url;
}

// Null if the options have no callback.
std::function<Credentials()> asking(const RedisOptions& options, int database) {
    if (options.credentials == nullptr) return nullptr;
    return [ask = options.credentials, database] {
        RedisCredentials who = ask();
        return Credentials{.username = std::move(who.username),
                           .password = std::move(who.password),
                           .database = database};
    };
}

// Null for a URL that says itself where the server is.
std::shared_ptr<Locator> locator_of(const wire::Url& url, const RedisOptions& options,
                                    const std::shared_ptr<const wire::TlsContext>& tls) {
    if (url.master.empty()) return nullptr;
    return std::make_shared<Sentinels>(
        SentinelSettings{.sentinels = url.hosts,
                         .master = url.master,
                         .credentials = {.username = options.sentinel_username,
                                         .password = options.sentinel_password},
                         .tls = tls},
        options.clock);
}

}  // namespace

bool is_cluster(const RedisOptions& options) { return wire::parse_url(options.url).cluster; }

ClusterSettings cluster_settings_of(const RedisOptions& given) {
    ClusterSettings settings;
    settings.common = settings_of(given);
    settings.name = settings.common.name;
    const wire::Url url = wire::parse_url(given.url);
    for (const wire::HostPort& each : url.hosts) settings.seeds.push_back({each.host, each.port});
    for (const auto& [announced, real] : merged(url, given).node_addresses) {
        settings.addresses.emplace(parsed_address(announced), parsed_address(real));
    }
    return settings;
}

ConnectionSettings settings_of(const RedisOptions& given) {
    if (given.clock == nullptr) {
        throw LockError(Errc::invalid_option, "clock = null, allowed is any Clock");
    }
    const wire::Url url = placed(wire::parse_url(given.url), given);
    const RedisOptions options = merged(url, given);
    if (!options.node_addresses.empty() && !url.cluster) {
        throw LockError(
            Errc::invalid_option,
            "node_addresses is set, allowed with redis+cluster and rediss+cluster only");
    }
    wire::Url shown_url = url;
    shown_url.password = options.password;
    const auto tls = context_of(url, options.tls);
    const milliseconds command_timeout =
        checked("command_timeout", options.command_timeout.value_or(default_timeout));
    return {
        .endpoint = {.host = url.host,
                     .port = url.port,
                     .unix_path = url.unix_path,
                     .tls = tls,
                     .tls_scheme = tls_scheme_of(url)},
        .locator = locator_of(url, options, tls),
        .credentials = {.username = options.username,
                        .password = options.password,
                        .database = url.database},
        .ask_credentials = asking(options, url.database),
        .name = wire::masked(shown_url),
        .connect_timeout =
            checked("connect_timeout", options.connect_timeout.value_or(default_timeout)),
        .command_timeout = command_timeout,
        .spin = checked_spin(options.spin.value_or(microseconds{0})),
        .wait_replicas = checked_replicas(options.wait_replicas.value_or(0)),
        .wait_timeout = checked_wait(options, command_timeout),
        .max_in_flight = checked_in_flight(options.max_in_flight.value_or(default_in_flight)),
    };
}

}  // namespace leaselock::redis

#include "hazelcast/options.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <optional>
#include <utility>

#include <leaselock/detail/utf8.hpp>
#include <leaselock/printable.hpp>

#include "base/percent.hpp"
#include "wire/stream.hpp"
#include "wire/tls_options.hpp"
#include "wire/url.hpp"

namespace leaselock::hazelcast {
namespace {

using std::chrono::milliseconds;
using wire::cut;

constexpr std::uint16_t default_port = 5701;
constexpr milliseconds longest_timeout = std::chrono::hours{1};
constexpr int most_in_flight = 1'000'000;
constexpr int default_in_flight = 65'536;

// What is wrong is shown by its name and never by its value, which may be a part of a password.
[[noreturn]] void fail(std::string_view what, std::string_view allowed) {
    throw LockError(Errc::invalid_url, fmt::format("URL {}; allowed: {}", what, allowed));
}

std::string decode(std::string_view part, std::string_view text) {
    std::optional<std::string> out = base::percent_decoded(text);
    if (!out) fail(fmt::format("{} has a bad percent-escape", part), "% and two hex digits");
    if (out->find('\0') != std::string::npos)
        fail(fmt::format("{} has a NUL byte", part), "others");
    if (!detail::is_utf8(*out)) fail(fmt::format("{} is not UTF-8", part), "UTF-8");
    return *std::move(out);
}

int number(std::string_view what, std::string_view text, int most) {
    int value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc{} && stop == end && value >= 1 && value <= most) return value;
    fail(fmt::format("{} is wrong", what), fmt::format("1 to {}", most));
}

MemberAddress member_of(std::string_view text) {
    std::string_view host = text;
    std::optional<std::string_view> port;
    if (text.starts_with('[')) {
        const auto after = cut(host, ']');
        if (!after || (!after->empty() && !after->starts_with(':'))) {
            fail("host is not an IPv6 address in brackets", "[address] or [address]:port");
        }
        host.remove_prefix(1);
        if (!after->empty()) port = after->substr(1);
    } else {
        port = cut(host, ':');
        if (port && port->find(':') != std::string_view::npos) {
            fail("host has more than one ':'", "an IPv6 address in brackets");
        }
    }
    const auto is_wrong = [](char c) {
        return static_cast<unsigned char>(c) <= ' ' || c == '%' || c == 127;
    };
    if (host.empty() || std::any_of(host.begin(), host.end(), is_wrong)) {
        fail("host is empty or has a byte that none may have", "host[:port][,host[:port]...]");
    }
    return {std::string{host},
            port ? static_cast<std::uint16_t>(number("port", *port, 65'535)) : default_port};
}

void take_option(std::string_view name, const std::string& value, HazelcastOptions& options) {
    if (wire::take_tls_option(std::string{name}, value, options.tls)) return;
    if (name == "max_in_flight") {
        const int most = number("option max_in_flight", value, most_in_flight);
        if (!options.max_in_flight) options.max_in_flight = most;
    } else if (name == "member_addresses") {
        auto addresses = wire::parse_address_pairs(name, value);
        if (options.member_addresses.empty()) options.member_addresses = std::move(addresses);
    } else if (name == "connect_timeout" || name == "command_timeout") {
        const auto time = wire::parse_duration(value);
        if (!time) fail(fmt::format("option {} is wrong", name), "1ms to 1h, as in 250ms or 2s");
        auto& field = name == "connect_timeout" ? options.connect_timeout : options.command_timeout;
        if (!field) field = *time;
    } else {
        fail("option is not known",
             "connect_timeout, command_timeout, max_in_flight, member_addresses, verify, ca_file, "
             "ca_dir, cert_file, key_file and server_name");
    }
}

void read_options(std::string_view text, HazelcastOptions& options) {
    std::vector<std::string_view> seen;
    for (std::optional<std::string_view> rest = text; rest;) {
        std::string_view name = *rest;
        rest = cut(name, '&');
        const auto value = cut(name, '=');
        if (!value || name.empty()) fail("option is not name=value", "?name=value&name=value");
        if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
            fail("option is given twice", "each option once");
        }
        seen.push_back(name);
        take_option(name, decode("option", *value), options);
    }
}

// `rest` is what follows the scheme.
void read_rest(std::string_view rest, HazelcastOptions& options, Settings& settings) {
    const auto query = cut(rest, '?');
    const auto path = cut(rest, '/');
    const bool is_late_at = path && path->find('@') != std::string_view::npos;
    if (is_late_at || rest.find('#') != std::string_view::npos) {
        fail("has an '@' behind the host, or a '#'",
             "%40 and %23; a '/' or '?' in a password is percent-encoded too");
    }
    const std::size_t at = rest.rfind('@');
    if (at != std::string_view::npos) {
        std::string_view user = rest.substr(0, at);
        const auto password = cut(user, ':');
        if (options.password.empty() && password) options.password = decode("password", *password);
        if (options.username.empty()) options.username = decode("user", user);
        rest.remove_prefix(at + 1);
    }
    for (std::optional<std::string_view> hosts = rest; hosts;) {
        std::string_view host = *hosts;
        hosts = cut(host, ',');
        settings.members.push_back(member_of(host));
    }
    std::string_view cluster = path.value_or("");
    const auto group = cut(cluster, '/');
    settings.cluster = cluster.empty() ? "dev" : decode("cluster", cluster);
    settings.group = !group || group->empty() ? "default" : decode("group", *group);
    // An '@' and what follows would be taken for the group of a group.
    if (settings.group.find_first_of("@/") != std::string::npos) {
        fail("group has a '/' or an '@'", "hazelcast://hosts/cluster/group");
    }
    if (query) read_options(*query, options);
}

std::string shown(const Settings& settings) {
    std::string out{settings.tls == nullptr ? plain_scheme : secure_scheme};
    out += "://";
    if (!settings.username.empty()) out += "***@";
    for (const MemberAddress& member : settings.members) {
        if (&member != &settings.members.front()) out += ',';
        out += wire::describe({.host = member.host, .port = member.port, .unix_path = {}});
    }
    return printable(fmt::format("{}/{}/{}", out, settings.cluster, settings.group));
}

milliseconds checked(std::string_view name, const std::optional<Duration>& given,
                     milliseconds otherwise) {
    const milliseconds value = given ? given->value() : otherwise;
    if (value >= milliseconds{1} && value <= longest_timeout) return value;
    throw LockError(Errc::invalid_option, fmt::format("{} = {} ms, allowed are 1 to {} ms", name,
                                                      value.count(), longest_timeout.count()));
}

MemberAddress address_of(const std::string& text) {
    try {
        return member_of(text);
    } catch (const LockError&) {
        throw LockError(Errc::invalid_option,
                        "member_addresses has what is no address; allowed: host, host:port, "
                        "[IPv6]:port");
    }
}

void append_private(std::string& out, char byte) {
    const unsigned low = static_cast<unsigned char>(byte);
    out += '\xEF';  // U+F700 and the byte, as UTF-8
    out += static_cast<char>(0x9CU + low / 64);
    out += static_cast<char>(0x80U + low % 64);
}

}  // namespace

Settings settings_of(const HazelcastOptions& given) {
    if (given.clock == nullptr) {
        throw LockError(Errc::invalid_option, "clock = null, allowed is any Clock");
    }
    const std::string_view url = given.url;
    const std::string_view scheme = url.substr(0, url.find("://"));
    if (scheme == url || (scheme != plain_scheme && scheme != secure_scheme)) {
        fail("has another scheme", "hazelcast://... or hazelcasts://...");
    }
    HazelcastOptions options = given;
    Settings settings;
    read_rest(url.substr(scheme.size() + 3), options, settings);
    for (const auto& [announced, real] : options.member_addresses) {
        settings.addresses.emplace_back(address_of(announced), address_of(real));
    }
    if (scheme == secure_scheme) {
        settings.tls = wire::tls_context_of(options.tls, plain_scheme);
    } else {
        wire::refuse_tls_options(options.tls, secure_scheme);
    }
    const int in_flight = options.max_in_flight.value_or(default_in_flight);
    if (in_flight < 1 || in_flight > most_in_flight) {
        throw LockError(Errc::invalid_option, fmt::format("max_in_flight = {}, allowed are 1 to {}",
                                                          in_flight, most_in_flight));
    }
    settings.username = options.username;
    settings.password = options.password;
    settings.name = shown(settings);
    settings.connect_timeout =
        checked("connect_timeout", options.connect_timeout, std::chrono::seconds{2});
    settings.command_timeout =
        checked("command_timeout", options.command_timeout, std::chrono::seconds{5});
    settings.max_in_flight = static_cast<std::size_t>(in_flight);
    return settings;
}

std::string lock_name(std::string_view key) {
    constexpr char32_t first_private = 0xF700;
    constexpr char32_t last_private = 0xF7FF;
    const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
    if (std::all_of(key.begin(), key.end(), is_ascii)) return std::string{key};
    std::string out;
    while (!key.empty()) {
        const std::size_t bytes = detail::character_bytes(key);
        const std::string_view character = key.substr(0, std::max<std::size_t>(bytes, 1));
        const char32_t point = bytes == 0 ? first_private : detail::code_point(character);
        if (point >= first_private && point <= last_private) {
            for (const char byte : character) append_private(out, byte);
        } else {
            out += character;
        }
        key.remove_prefix(character.size());
    }
    return out;
}

}  // namespace leaselock::hazelcast

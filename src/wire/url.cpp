#include "wire/url.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <limits>
#include <strings.h>

#include <leaselock/error.hpp>

#include "base/percent.hpp"

namespace leaselock::wire {
namespace {

constexpr std::string_view schemes =
    "redis://..., rediss://..., redis+unix://..., redis+sentinel://... or redis+cluster://..., "
    "the last two with rediss too";
constexpr std::uint16_t redis_port = 6379;
constexpr std::uint16_t sentinel_port = 26379;
constexpr std::string_view digits = "0123456789";
constexpr std::string_view alphanumeric =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

bool has_only(std::string_view text, std::string_view allowed, std::string_view more = {}) {
    return std::all_of(text.begin(), text.end(), [&](char c) {
        return allowed.find(c) != std::string_view::npos || more.find(c) != std::string_view::npos;
    });
}

// Bytes that a URL gives a meaning to, or that a log line should not hold, as %XX.
std::string encode(std::string_view text, std::string_view kept) {
    return base::percent_encoded(text, [&](char c, std::size_t /*at*/) {
        return has_only({&c, 1}, alphanumeric, kept);
    });
}

std::string shown(const HostPort& where) {
    const bool is_ipv6 = where.host.find(':') != std::string::npos;
    const std::string host = encode(where.host, "-._:");
    return (is_ipv6 ? '[' + host + ']' : host) + ':' + std::to_string(where.port);
}

class UrlParser {
  public:
    Url parse(std::string_view text) {
        const std::size_t scheme_end = text.find("://");
        if (scheme_end == std::string_view::npos) {
            fail("has no scheme", schemes);
        }
        const std::string_view scheme = text.substr(0, scheme_end);
        const bool is_unix = scheme == "redis+unix";
        const bool is_sentinel = scheme == "redis+sentinel" || scheme == "rediss+sentinel";
        url_.cluster = scheme == "redis+cluster" || scheme == "rediss+cluster";
        url_.tls = scheme.starts_with("rediss");
        if (!is_unix && !is_sentinel && !url_.cluster && scheme != "rediss" && scheme != "redis") {
            fail("scheme " + named(scheme) + "is unknown", schemes);
        }
        std::string_view rest = text.substr(scheme_end + 3);
        const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
        rest.remove_prefix(authority.size());
        // What is before that may be a part of a password, and be shown in a message or even used.
        if (rest.find('@') != std::string_view::npos) {
            fail("has an '@' behind the host",
                 "%40 there; a '/', '?' or '#' in a password is percent-encoded too");
        }
        if (rest.find('#') != std::string_view::npos) {
            fail("has a fragment", "none; a '#' in a password is written %23");
        }

        const std::string_view host_and_port = read_user(authority);
        const std::optional<std::string_view> query = cut(rest, '?');
        if (is_unix) {
            read_unix_path(host_and_port, rest);
        } else if (is_sentinel) {
            read_hosts(host_and_port, sentinel_port);
            read_master(rest);
        } else if (url_.cluster) {
            read_hosts(host_and_port, redis_port);
            if (rest.size() > 1 && rest != "/0") {
                fail("database is wrong", "0, since a cluster has no other");
            }
        } else {
            HostPort where = host_and_port_of(host_and_port, redis_port);
            url_.host = std::move(where.host);
            url_.port = where.port;
            if (rest.size() > 1) read_database(rest.substr(1));
        }
        if (query) read_options(*query, is_unix);
        return std::move(url_);
    }

  private:
    // What is wrong is shown by its name and never by its value: where a sign is missing or one too
    // many, any part may be one of the password.
    [[noreturn]] void fail(std::string_view what, std::string_view allowed) const {
        std::string text = "URL ";
        text += what;
        text += "; allowed: ";
        text += allowed;
        throw LockError(make_error_code(Errc::invalid_url), text);
    }
    // In quotes, with a space after it, if it looks like a name.
    static std::string named(std::string_view text) {
        constexpr std::size_t longest = 32;
        if (text.empty() || text.size() > longest || !has_only(text, alphanumeric, "-._+")) {
            return {};
        }
        return fmt::format("'{}' ", text);
    }

    std::string decode(std::string_view part, std::string_view text) const {
        std::optional<std::string> out = base::percent_decoded(text);
        if (!out) fail(std::string(part) + " has a bad percent-escape", "% and two hex digits");
        if (out->find('\0') != std::string::npos) {
            fail(std::string(part) + " has a NUL byte", "any other byte");
        }
        return *std::move(out);
    }

    // What follows the user and the password.
    std::string_view read_user(std::string_view authority) {
        const std::size_t at = authority.rfind('@');
        if (at == std::string_view::npos) return authority;
        std::string_view user = authority.substr(0, at);
        if (const auto password = cut(user, ':')) {
            url_.password = decode("password", *password);
        }
        url_.username = decode("user", user);
        return authority.substr(at + 1);
    }

    // One or more, with commas between.
    void read_hosts(std::string_view text, std::uint16_t default_port) {
        std::optional<std::string_view> rest = text;
        while (rest) {
            std::string_view item = *rest;
            rest = cut(item, ',');
            HostPort where = host_and_port_of(item, default_port);
            const auto is_same = [&](const HostPort& other) {
                return other.port == where.port &&
                       ::strcasecmp(other.host.c_str(), where.host.c_str()) == 0;
            };
            if (std::any_of(url_.hosts.begin(), url_.hosts.end(), is_same)) {
                fail("host is given twice", "each host and port once");
            }
            url_.hosts.push_back(std::move(where));
        }
    }

    void read_master(std::string_view path) {
        if (path.starts_with('/')) path.remove_prefix(1);
        const std::optional<std::string_view> database = cut(path, '/');
        url_.master = decode("master's name", path);
        if (url_.master.empty() || !has_only(url_.master, alphanumeric, "-._")) {
            fail(url_.master.empty() ? "has no master's name" : "master's name has a wrong byte",
                 "/name or /name/db after the Sentinels; letters, digits, '-', '.', '_'");
        }
        if (database && !database->empty()) read_database(*database);
    }

    HostPort host_and_port_of(std::string_view text, std::uint16_t default_port) const {
        HostPort where{.host = {}, .port = default_port};
        std::optional<std::string_view> port;
        std::string_view host = text;
        if (text.starts_with('[')) {
            const std::optional<std::string_view> behind = cut(host, ']');
            if (!behind || (!behind->empty() && !behind->starts_with(':'))) {
                fail("host is not an IPv6 address in brackets", "[address] or [address]:port");
            }
            where.host = ipv6_of(host.substr(1));
            if (!behind->empty()) port = behind->substr(1);
        } else {
            port = cut(host, ':');
            if (port && port->find(':') != std::string_view::npos) {
                fail("host has more than one ':'", "an IPv6 address in brackets");
            }
            if (host.empty()) fail("host is empty", "a name or an address");
            if (!has_only(host, alphanumeric, "-._")) {
                fail("host has a byte that none may have", "letters, digits, '-', '.', '_'");
            }
            where.host = host;
        }
        if (port) {
            where.port = static_cast<std::uint16_t>(number("port is wrong", *port, 1, 65535));
        }
        return where;
    }

    // An interface may follow, as in fe80::1%25eth0.
    std::string ipv6_of(std::string_view text) const {
        std::string decoded = decode("host", text);
        std::string_view address = decoded;
        const std::optional<std::string_view> interface = cut(address, '%');
        in6_addr unused{};
        if (::inet_pton(AF_INET6, std::string(address).c_str(), &unused) != 1 ||
            (interface && (interface->empty() || !has_only(*interface, alphanumeric, "-._")))) {
            fail("host is not an IPv6 address", "an IPv6 address in the brackets");
        }
        return decoded;
    }

    void read_unix_path(std::string_view host, std::string_view path) {
        if (!host.empty()) fail("has a host before the path", "redis+unix:///path");
        if (path.size() < 2) fail("path is empty", "the absolute path of a unix socket");
        url_.unix_path = decode("path", path);
    }

    void read_database(std::string_view text) {
        url_.database = static_cast<int>(
            number("database is wrong", text, 0, std::numeric_limits<std::int32_t>::max()));
    }

    std::int64_t number(std::string_view what, std::string_view text, std::int64_t least,
                        std::int64_t most) const {
        std::int64_t value = -1;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (!has_only(text, digits) || end != text.data() + text.size() || error != std::errc{} ||
            value < least || value > most) {
            fail(what, std::to_string(least) + " to " + std::to_string(most));
        }
        return value;
    }

    void read_options(std::string_view text, bool is_unix) {
        bool has_database = false;
        std::optional<std::string_view> rest = text;
        while (rest) {
            std::string_view item = *rest;
            rest = cut(item, '&');
            std::string_view raw_name = item;
            const std::optional<std::string_view> raw_value = cut(raw_name, '=');
            if (!raw_value || raw_name.empty()) {
                fail("option is not name=value", "?name=value&name=value");
            }
            const std::string name = decode("option", raw_name);
            const auto same = [&](const auto& other) { return other.first == name; };
            const bool is_database = is_unix && name == "db";
            if ((is_database && has_database) ||
                std::any_of(url_.options.begin(), url_.options.end(), same)) {
                fail("option " + named(name) + "is given twice", "each option once");
            }
            if (is_database) {
                has_database = true;
                read_database(*raw_value);
            } else {
                std::string part = "option " + named(name);
                if (part.ends_with(' ')) part.pop_back();
                url_.options.emplace_back(name, decode(part, *raw_value));
            }
        }
    }

    Url url_;
};

}  // namespace

std::optional<std::string_view> cut(std::string_view& text, char separator) noexcept {
    const std::size_t at = text.find(separator);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view rest = text.substr(at + 1);
    text = text.substr(0, at);
    return rest;
}

Url parse_url(std::string_view text) { return UrlParser{}.parse(text); }

std::string masked(const Url& url) {
    std::string out = url.tls ? "rediss" : "redis";
    if (url.cluster) out += "+cluster";
    if (!url.master.empty()) out += "+sentinel";
    if (!url.unix_path.empty()) out += "+unix";
    out += "://";
    // A user alone is of no use to Redis: it was meant as the password.
    if (!url.password.empty()) {
        out += encode(url.username, "-._~") + ":***@";
    } else if (!url.username.empty()) {
        out += "***@";
    }
    const std::string database = std::to_string(url.database);
    if (!url.unix_path.empty()) return out + encode(url.unix_path, "-._~/") + "?db=" + database;
    if (url.hosts.empty()) return out + shown({url.host, url.port}) + '/' + database;
    for (const HostPort& each : url.hosts)
        out += (&each == url.hosts.data() ? "" : ",") + shown(each);
    if (url.cluster) return out;
    return out + '/' + encode(url.master, "-._") + '/' + database;
}

std::map<std::string, std::string> parse_address_pairs(std::string_view option,
                                                       std::string_view text) {
    std::map<std::string, std::string> addresses;
    std::optional<std::string_view> rest = text;
    while (rest) {
        std::string_view announced = *rest;
        rest = cut(announced, ',');
        const auto real = cut(announced, '=');
        if (!real || announced.empty() ||
            !addresses.emplace(std::string(announced), std::string(*real)).second) {
            throw LockError(Errc::invalid_url,
                            fmt::format("URL option {} is wrong, allowed is announced:port="
                                        "real:port, each announced one once, with ',' between",
                                        option));
        }
    }
    return addresses;
}

std::optional<std::chrono::microseconds> parse_duration(std::string_view text) {
    using std::chrono::microseconds;
    constexpr std::array<std::pair<std::string_view, microseconds>, 5> units{
        {{"us", microseconds{1}},
         {"ms", std::chrono::milliseconds{1}},
         {"s", std::chrono::seconds{1}},
         {"m", std::chrono::minutes{1}},
         {"h", std::chrono::hours{1}}}};

    const std::size_t length = std::min(text.find_first_not_of(digits), text.size());
    const auto unit = std::find_if(units.begin(), units.end(), [&](const auto& each) {
        return each.first == text.substr(length);
    });
    microseconds::rep count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + length, count);
    if (unit == units.end() || error != std::errc{} || end != text.data() + length ||
        count > microseconds::max() / unit->second) {
        return std::nullopt;
    }
    return count * unit->second;
}

}  // namespace leaselock::wire

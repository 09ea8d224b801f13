// The text that says where a server is: `redis://[user[:password]@]host[:port][/db][?a=b&c=d]`,
// `redis+unix://[user[:password]@]/path/to.sock[?db=2&a=b]`,
// `redis+sentinel://[user[:password]@]host[:port],host[:port]/name[/db]` and
// `redis+cluster://[user[:password]@]host[:port],host[:port]`; `rediss` in the place of `redis` is
// the same over TLS. User, password, path and options may be percent-encoded; IPv6 stands in
// brackets.
//
// Used by what makes a backend from a URL. No password is ever part of an error's text.
//
// Thread-safety: plain values and functions without state.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leaselock::wire {

struct HostPort {
    std::string host;  // without brackets
    std::uint16_t port = 0;

    friend bool operator==(const HostPort&, const HostPort&) = default;
};

struct Url {
    bool tls = false;
    std::string host;  // without brackets; empty if unix_path or `hosts` is set
    std::uint16_t port = 6379;
    std::string unix_path;  // empty if host is set
    // Some nodes of a cluster, or Sentinels, each once; empty for other schemes.
    std::vector<HostPort> hosts{};
    bool cluster = false;
    std::string master{};  // the name by which the Sentinels know it; empty: there are none
    std::string username;
    std::string password;
    int database = 0;
    // In the order of the text, names unique, decoded. The caller decides which it knows.
    std::vector<std::pair<std::string, std::string>> options;
};

// Throws LockError{Errc::invalid_url}; its text names the part, the value and what is allowed.
[[nodiscard]] Url parse_url(std::string_view text);

// For messages: scheme, user, host and port or path, database. The password is `***`, options are
// left out, bytes that could forge a log line are percent-encoded.
[[nodiscard]] std::string masked(const Url& url);

// What follows the first `separator`, which is cut off `text`; nothing if there is none.
[[nodiscard]] std::optional<std::string_view> cut(std::string_view& text, char separator) noexcept;

// "announced:port=real:port,...", each announced one once. Throws LockError: invalid_url, which
// names the option; what is in a pair is not looked at.
[[nodiscard]] std::map<std::string, std::string> parse_address_pairs(std::string_view option,
                                                                     std::string_view text);

// "250ms", "2s", "1m", "2h": digits and a unit, nothing else. Empty if it is not that, or too
// large.
[[nodiscard]] std::optional<std::chrono::microseconds> parse_duration(std::string_view text);

}  // namespace leaselock::wire

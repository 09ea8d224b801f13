// A Sentinel, asked over a connection: for the master once, or for news from now on.
//
// Thread-safety: functions without state; a connection is one thread's.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <leaselock/clock.hpp>

#include "redis/login.hpp"
#include "redis/sentinel_talk.hpp"
#include "wire/connection.hpp"
#include "wire/url.hpp"

namespace leaselock::redis {

inline constexpr std::string_view sentinel_tls_scheme = "rediss+sentinel";

struct SentinelSettings {
    std::vector<wire::HostPort> sentinels;          // one or more
    std::string master;                             // its name
    Credentials credentials;                        // of the Sentinels
    std::shared_ptr<const wire::TlsContext> tls{};  // for Sentinels and servers; null: plain
};

[[nodiscard]] wire::Endpoint endpoint_of(const SentinelSettings& settings,
                                         const wire::HostPort& where);

// Asks the Sentinel of that number, over a connection that is kept, or is made. With an error it is
// closed, and `why` says which Sentinel that was. Blocks until `until` at most. May throw
// bad_alloc.
[[nodiscard]] std::error_code ask_sentinel(wire::Connection& connection,
                                           const SentinelSettings& settings, std::size_t number,
                                           Clock::time_point until, NamedMaster& master,
                                           std::string& why);

// The id of the Sentinel that has just answered there: each has one of its own, by whatever name it
// is reached. Empty: it does not say, or our user may not ask. Blocks until `until` at most. May
// throw bad_alloc.
[[nodiscard]] std::string id_of_sentinel(wire::Connection& connection, Clock::time_point until);

// Connects to it, and subscribes to what it says of masters that are replaced. Blocks until `until`
// at most. May throw bad_alloc.
[[nodiscard]] std::error_code listen_to_sentinel(wire::Connection& connection,
                                                 const SentinelSettings& settings,
                                                 std::size_t number, Clock::time_point until);

// Why there was no answer.
[[nodiscard]] std::error_code unheard(const wire::Connection& connection, wire::Received received,
                                      std::string& why);

}  // namespace leaselock::redis

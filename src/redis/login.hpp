// The first words on a new connection: who we are, which database, what time the server has.
#pragma once

#include <cstdint>
#include <string>
#include <system_error>

#include <leaselock/clock.hpp>

#include "wire/connection.hpp"

namespace leaselock::redis {

struct Credentials {
    std::string username;
    std::string password;
    int database = 0;
};

// Sends AUTH (if there is a password), SELECT (if not 0) and TIME in one write and reads the
// answers. Blocks until the deadline at most. No error: `server_time` is the server's, in
// microseconds. Else `why` says what the server answered, of its answer to AUTH the first word
// alone: no part of the password is ever in it.
[[nodiscard]] std::error_code log_in(wire::Connection& connection, const Credentials& credentials,
                                     Clock::time_point until, std::int64_t& server_time,
                                     std::string& why);

// What it means that a server which said nothing ended the connection: Errc::tls_failed, and `why`
// says so, if it speaks TLS and we did not; else `error`. Connects once more to see that. Blocks
// until the deadline at most.
[[nodiscard]] std::error_code tls_or(std::error_code error, wire::Connection& connection,
                                     const wire::Endpoint& where, Clock::time_point until,
                                     std::string& why);

}  // namespace leaselock::redis

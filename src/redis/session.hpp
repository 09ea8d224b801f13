// From the settings of a backend to a connection that is good for commands.
//
// Thread-safety: a connection belongs to one thread. The credentials callback runs in it, and no
// mutex may be held.
#pragma once

#include <cstdint>
#include <string>
#include <system_error>

#include <leaselock/clock.hpp>

#include "redis/connection_settings.hpp"
#include "redis/login.hpp"
#include "wire/connection.hpp"

namespace leaselock::redis {

// Connects and logs in until `until`, or says why not. Asks where the server is, and for the
// credentials, if these are asked for at each connection.
[[nodiscard]] std::error_code open_session(wire::Connection& connection,
                                           const ConnectionSettings& settings, const Clock& clock,
                                           Clock::time_point until, std::int64_t& server_time,
                                           std::string& why);

// The next answer, for a caller that has sent a command itself. Throws LockError: unknown, if none
// comes until then.
[[nodiscard]] wire::RespValue receive_answer(wire::Connection& connection,
                                             const ConnectionSettings& settings,
                                             Clock::time_point until);

}  // namespace leaselock::redis

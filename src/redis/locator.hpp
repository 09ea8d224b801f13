// Where the server is, where that may change: the question is asked at each connect, and no answer
// is remembered.
//
// Thread-safety: all calls from all threads at once, each with a connection of its own. They run on
// the thread that connects, with nothing locked.
#pragma once

#include <string>
#include <system_error>

#include <leaselock/clock.hpp>

#include "wire/connection.hpp"

namespace leaselock::redis {

class Locator {
  public:
    Locator() = default;
    Locator(const Locator&) = delete;
    Locator& operator=(const Locator&) = delete;
    virtual ~Locator() = default;

    // The server to connect to now, or `why` there is none. Blocks until `until` at most. May throw
    // bad_alloc.
    [[nodiscard]] virtual std::error_code locate(wire::Endpoint& where, Clock::time_point until,
                                                 std::string& why) = 0;
    // Whether the server that we have logged in to is the one that is meant; asked before the first
    // command. With an error the connection is closed. Blocks until `until` at most. May throw
    // bad_alloc.
    [[nodiscard]] virtual std::error_code confirm(wire::Connection& connection,
                                                  Clock::time_point until, std::string& why) = 0;
};

}  // namespace leaselock::redis

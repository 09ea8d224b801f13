// Where the server is, where that may change: the question is asked at each connect, and no answer
// is remembered.
//
// Thread-safety: all calls from all threads at once, each with a connection of its own. They run on
// the thread that connects, with nothing locked.
#pragma once

#include <functional>
#include <string>
#include <system_error>
#include <vector>

#include <leaselock/clock.hpp>
#include <leaselock/finding.hpp>
#include <leaselock/store_nodes.hpp>

#include "wire/connection.hpp"

namespace leaselock::redis {

// A replica that somebody else than its master knows, by one of its addresses.
struct KnownReplica {
    std::vector<std::string> addresses;
    std::string state;
};

class Locator {
  public:
    Locator() = default;
    Locator(const Locator&) = delete;
    Locator& operator=(const Locator&) = delete;
    virtual ~Locator() = default;

    // The server to connect to now, or `why` there is none. What has to be asked for that is asked
    // over `connection`, before it is opened to the server: so to interrupt it ends that, too.
    // Blocks until `until` at most. May throw bad_alloc.
    [[nodiscard]] virtual std::error_code locate(wire::Connection& connection,
                                                 wire::Endpoint& where, Clock::time_point until,
                                                 std::string& why) = 0;
    // Whether the server there, to which we have logged in, is still the one that is meant; asked
    // before the first command. With an error the connection is closed. Blocks until `until` at
    // most. May throw bad_alloc.
    [[nodiscard]] virtual std::error_code confirm(wire::Connection& connection,
                                                  const wire::Endpoint& where,
                                                  Clock::time_point until, std::string& why) = 0;

    // Adds those that are asked where the server is, and the replicas of it that they know, to
    // `known`. Blocks until `until` at most. May throw bad_alloc.
    virtual void describe(Clock::time_point /*until*/, std::vector<StoreNode>& /*nodes*/,
                          std::vector<KnownReplica>& /*known*/,
                          std::vector<Finding>& /*findings*/) {}

    // From now on `moved` is called when it becomes known that another server is meant than the one
    // that was confirmed: on any thread, with a mutex locked, so it must not block or call back.
    // Until unwatch(), which waits for a call that is under way.
    virtual void watch(const std::function<void()>& /*moved*/) {}
    virtual void unwatch() {}
};

}  // namespace leaselock::redis

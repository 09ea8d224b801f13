// What the tests of Connection have in common: a peer in the same process, and words for time.
// Long deadlines belong to what must happen, short ones to what must not; a short one may be
// exceeded ten times on a busy machine.
#pragma once

#include <gtest/gtest.h>
#include <string>

#include "support/scripted_peer.hpp"
#include "wire/connection.hpp"

namespace leaselock::wire {

using namespace std::chrono_literals;
using support::Answer;
using support::ScriptedPeer;

inline constexpr auto soon = 50ms;   // for what does not come
inline constexpr auto enough = 10s;  // for what comes

inline Clock::time_point in(std::chrono::milliseconds time) { return boot_clock()->now() + time; }

// How long a thing took.
template <typename Action>
Clock::duration timed(Action action) {
    const Clock::time_point start = boot_clock()->now();
    action();
    return boot_clock()->now() - start;
}

inline const std::string ping = "*1\r\n$4\r\nPING\r\n";

class WireConnection : public ::testing::Test {
  protected:
    void open() {
        const std::error_code error = connection_.open(peer_.endpoint(), in(enough), why_);
        ASSERT_FALSE(error) << why_;
    }
    // Sends a PING that the peer answers with these.
    void ask(Answer answer) {
        peer_.script({std::move(answer)});
        const Sent sent = connection_.send(ping, in(enough));
        ASSERT_FALSE(sent.error);
        ASSERT_EQ(sent.bytes, ping.size());
    }
    Received receive(std::chrono::milliseconds time = enough) {
        return connection_.receive(reply_, in(time));
    }

    ScriptedPeer peer_;
    Connection connection_{boot_clock()};
    RespValue reply_;
    std::string why_;
};

}  // namespace leaselock::wire

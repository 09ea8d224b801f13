// What tests of the AcquireMachine have in common: plans, replies, and expectations of one step.
#pragma once

#include <gtest/gtest.h>
#include <string>

#include "core/acquire_machine.hpp"

namespace leaselock::detail {

using namespace std::chrono_literals;
using Decision = AcquireMachine::Decision;

inline constexpr Clock::time_point outset{1h};
inline constexpr auto never = Clock::time_point::max();
inline constexpr AcquireMachine::Plan no_wait{
    .ttl = 10s, .wait = false, .deadline = outset, .retry_delay = 100ms, .seed = 1};
inline constexpr AcquireMachine::Plan patient{
    .ttl = 10s, .wait = true, .deadline = outset + 5s, .retry_delay = 100ms, .seed = 1};

inline Reply granted() { return {.outcome = Outcome::granted, .fencing_token = 7}; }
inline Reply held(std::chrono::milliseconds remaining = 1min) {
    return {.outcome = Outcome::held, .remaining = remaining, .holder = "other:1/token"};
}
inline Reply failed(Errc error) { return {.outcome = Outcome::failed, .error = error}; }

// Expectations of one step, so that a failure shows where it was.
inline void expect_decision(AcquireMachine::Action action, Decision decision) {
    EXPECT_EQ(static_cast<int>(action.decision), static_cast<int>(decision));
}
inline void expect_decision(AcquireMachine::Action action, Decision decision,
                            Clock::time_point until) {
    expect_decision(action, decision);
    EXPECT_EQ((action.until - outset).count(), (until - outset).count());
}
inline void expect_end(const AcquireMachine& machine, AcquireMachine::Action action, Errc error) {
    expect_decision(action, Decision::done);
    EXPECT_FALSE(machine.grant().has_value());
    EXPECT_EQ(machine.error(), error);
}
// The call ends, and its token owes a release.
inline void expect_end_owing(AcquireMachine& machine, AcquireMachine::Action action, Errc error) {
    expect_end(machine, action, error);
    EXPECT_TRUE(machine.owes());
}

}  // namespace leaselock::detail

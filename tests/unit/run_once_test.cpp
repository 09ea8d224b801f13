// Goal: run_once gives what ShedLock gives: one machine runs the job, not again within min_hold,
// whatever the job does, and a machine that dies blocks the others no longer than at most. Method:
// a memory backend on a clock that is moved by hand; two managers stand for two machines.
#include <gtest/gtest.h>
#include <optional>
#include <stdexcept>
#include <string>

#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

class RunOnce : public ::testing::Test {
  protected:
    bool run(LockManager& machine, const LockOptions& options) {
        return run_once(machine, "nightly", options, [&] { ++runs_; });
    }

    ManagerWorld world_{testing::ManualClock::Sleep::blocking};
    LockManager& here_ = world_.manager;
    LockManager& there_ = world_.other;
    int runs_ = 0;
};

TEST_F(RunOnce, RunsOnOneMachineUntilMinHoldIsOver) {
    const LockOptions options{.min_hold = 1min};
    EXPECT_TRUE(run(here_, options));
    EXPECT_FALSE(run(there_, options));
    EXPECT_FALSE(run(here_, options)) << "nor on the same one";
    world_.clock->advance(59s);
    EXPECT_FALSE(run(there_, options));
    world_.clock->advance(1s);
    EXPECT_TRUE(run(there_, options));
    EXPECT_EQ(runs_, 2);
}

TEST_F(RunOnce, WithoutMinHoldItMayRunAgainAtOnce) {
    EXPECT_TRUE(run(here_, {}));
    EXPECT_TRUE(run(there_, {}));
}

TEST_F(RunOnce, DoesNotWait) {
    const auto held = there_.acquire("nightly", {.ttl = 1h});
    EXPECT_FALSE(run(here_, {.wait_timeout = forever}));
    EXPECT_EQ(runs_, 0);
}

TEST_F(RunOnce, GivesTheResultOfTheJob) {
    const auto job = [] { return std::string("done"); };
    EXPECT_EQ(run_once(here_, "a", {.min_hold = 1s}, job), "done");
    EXPECT_EQ(run_once(here_, "a", {.min_hold = 1s}, job), std::nullopt);
    const auto fence = run_once(here_, "b", {},
                                [](ScopedDistributedLock& guard) { return guard.fencing_token(); });
    EXPECT_GT(fence.value_or(0), 0U);
}

TEST_F(RunOnce, ExceptionPassesThroughAndMinHoldHolds) {
    const LockOptions options{.min_hold = 1min};
    EXPECT_THROW(run_once(here_, "nightly", options, [] { throw std::runtime_error("no paper"); }),
                 std::runtime_error);
    EXPECT_FALSE(run(there_, options));
    world_.clock->advance(1min);
    EXPECT_TRUE(run(there_, options));
}

// The machine dies while the job runs: nobody renews, nobody releases.
TEST_F(RunOnce, MinHoldHoldsIfTheMachineDies) {
    std::optional<LockManager> machine = world_.make("dies:3");
    const LockOptions options{.renewal = Renewal::off, .min_hold = 10min};
    const auto job = [&] {
        machine.reset();
        EXPECT_FALSE(run(there_, options));
        world_.clock->advance(9min);
        EXPECT_FALSE(run(there_, options)) << "longer than the ttl of a manager";
        world_.clock->advance(1min);
        EXPECT_TRUE(run(there_, options));
    };
    EXPECT_THROW(run_once(*machine, "nightly", options, job), LockLost);
}

TEST_F(RunOnce, AtMostEndsWhatHangs) {
    const LockOptions options{.ttl = 1min, .renewal = Renewal::off, .min_hold = 30s};
    EXPECT_THROW(run_once(here_, "nightly", options,
                          [&] {
                              world_.clock->advance(59s);
                              EXPECT_FALSE(run(there_, options));
                              world_.clock->advance(1s);
                              EXPECT_TRUE(run(there_, options)) << "it hangs for too long";
                          }),
                 LockLost);
    EXPECT_FALSE(run(here_, options)) << "its late end does not end the other's min_hold";
}

TEST_F(RunOnce, AtMostIsNotLessThanAtLeast) {
    for (const LockOptions& options :
         {LockOptions{.ttl = 59s, .min_hold = 1min}, LockOptions{.max_hold = 59s, .min_hold = 1min},
          LockOptions{.min_hold = 25h}}) {
        try {
            (void)run(here_, options);
            FAIL();
        } catch (const LockError& error) {
            EXPECT_EQ(error.code(), Errc::invalid_option) << error.what();
        }
    }
    EXPECT_EQ(runs_, 0);
    EXPECT_EQ(world_.backend->count(), 0U);
    EXPECT_TRUE(run(here_, {.ttl = 1min, .max_hold = 1min, .min_hold = 1min}));
}

TEST_F(RunOnce, DoesNotRunWhereNothingIsKnown) {
    world_.backend->fail_all({.error = Errc::command_timed_out, .runs = true});
    EXPECT_THROW((void)run(here_, {}), LockError);
    EXPECT_EQ(runs_, 0);
    world_.backend->heal();
}

}  // namespace
}  // namespace leaselock

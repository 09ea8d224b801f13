// Goal: locks that are held for a moment, one after the other, cost the library's own thread no
// step each, and those that are held on are renewed in time all the same. Method: a clock that is
// moved by hand, and counts how often the thread asks to be rung.
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "unit/manager_world.hpp"
#include "unit/telling_clock.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

class Moment : public ::testing::Test {
  protected:
    Moment() {
        locks_.register_backend("store", backend_);
        locks_.set_default_backend("store");
    }
    void hold_for_a_moment() {
        auto lock = locks_.acquire("key", {.ttl = 30s});
        ASSERT_TRUE(lock.has_value());
        ASSERT_EQ(lock->release(), ReleaseResult::released);
        clock_->advance(1ms);
    }

    const std::shared_ptr<TellingClock> clock_ = std::make_shared<TellingClock>();
    const std::shared_ptr<testing::FaultBackend> backend_ =
        std::make_shared<testing::FaultBackend>(std::make_shared<MemoryBackend>());
    LockManager locks_{{.clock = clock_}};
};

TEST_F(Moment, LocksThatAreHeldForAMomentRingNoMoreThanOnce) {
    for (int i = 0; i < 5; ++i) hold_for_a_moment();
    const int before = clock_->alarms();
    constexpr int cycles = 1000;
    for (int i = 0; i < cycles; ++i) hold_for_a_moment();
    EXPECT_LT(clock_->alarms() - before, cycles / 100) << "in a second, where 10 s are a renewal";
}

TEST_F(Moment, LockThatIsHeldOnAfterManyIsRenewedInTime) {
    for (int i = 0; i < 100; ++i) hold_for_a_moment();
    auto shorter = locks_.acquire("shorter", {.ttl = 3s});
    auto lock = locks_.acquire("key", {.ttl = 30s});
    for (int i = 0; i < 300; ++i) {
        clock_->advance(500ms);
        ASSERT_TRUE(lock->owns_lock()) << i;
        ASSERT_TRUE(shorter->owns_lock()) << i;
    }
    EXPECT_GE(locks_.stats().renewed, 140U) << "of the short one, each second";
    EXPECT_EQ(lock->release(), ReleaseResult::released);
    EXPECT_EQ(shorter->release(), ReleaseResult::released);
}

}  // namespace
}  // namespace leaselock

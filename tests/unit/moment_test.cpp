// Goal: locks that are held for a moment, one after the other, cost the library's own thread no
// step each, and those that are held on are renewed in time all the same. Method: a clock that is
// moved by hand, and counts how often the thread asks to be rung.
#include <atomic>
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

class CountingClock final : public Clock {
  public:
    [[nodiscard]] time_point now() const noexcept override { return hands_.now(); }
    using Clock::sleep_until;
    void sleep_until(time_point until, Waker& waker) override { hands_.sleep_until(until, waker); }
    bool set_alarm(Alarm& alarm, time_point until) noexcept override {
        ++steps_;
        return hands_.set_alarm(alarm, until);
    }
    void forget(Alarm& alarm) noexcept override { hands_.forget(alarm); }
    void thread_begins(const Waker& thread) override { hands_.thread_begins(thread); }
    void thread_ends(const Waker& thread) noexcept override { hands_.thread_ends(thread); }

    void pass(Clock::duration time) {
        hands_.advance(time);
        hands_.wait_for_background();
    }
    [[nodiscard]] int steps() const noexcept { return steps_; }

  private:
    testing::ManualClock hands_;
    std::atomic<int> steps_{0};
};

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
        clock_->pass(1ms);
    }

    const std::shared_ptr<CountingClock> clock_ = std::make_shared<CountingClock>();
    const std::shared_ptr<testing::FaultBackend> backend_ =
        std::make_shared<testing::FaultBackend>(std::make_shared<MemoryBackend>());
    LockManager locks_{{.clock = clock_}};
};

TEST_F(Moment, LocksThatAreHeldForAMomentRingNoMoreThanOnce) {
    for (int i = 0; i < 5; ++i) hold_for_a_moment();
    const int before = clock_->steps();
    constexpr int cycles = 1000;
    for (int i = 0; i < cycles; ++i) hold_for_a_moment();
    EXPECT_LT(clock_->steps() - before, cycles / 100) << "in a second, where 10 s are a renewal";
}

TEST_F(Moment, LockThatIsHeldOnAfterManyIsRenewedInTime) {
    for (int i = 0; i < 100; ++i) hold_for_a_moment();
    auto shorter = locks_.acquire("shorter", {.ttl = 3s});
    auto lock = locks_.acquire("key", {.ttl = 30s});
    for (int i = 0; i < 300; ++i) {
        clock_->pass(500ms);
        ASSERT_TRUE(lock->owns_lock()) << i;
        ASSERT_TRUE(shorter->owns_lock()) << i;
    }
    EXPECT_GE(locks_.stats().renewed, 140U) << "of the short one, each second";
    EXPECT_EQ(lock->release(), ReleaseResult::released);
    EXPECT_EQ(shorter->release(), ReleaseResult::released);
}

}  // namespace
}  // namespace leaselock

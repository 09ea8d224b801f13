// A clock that is moved by hand, and tells how often and for when the library has asked to be
// woken.
//
// Thread-safety: as every Clock.
#pragma once

#include <atomic>

#include <leaselock/clock.hpp>
#include <leaselock/testing/manual_clock.hpp>

namespace leaselock {

class TellingClock final : public Clock {
  public:
    [[nodiscard]] time_point now() const noexcept override { return clock_.now(); }
    using Clock::sleep_until;
    void sleep_until(time_point until, Waker& waker) override { clock_.sleep_until(until, waker); }
    bool set_alarm(Alarm& alarm, time_point until) noexcept override {
        alarm_ = until.time_since_epoch().count();
        ++alarms_;
        return clock_.set_alarm(alarm, until);
    }
    void forget(Alarm& alarm) noexcept override { clock_.forget(alarm); }
    void thread_begins(const Waker& thread) override { clock_.thread_begins(thread); }
    void thread_ends(const Waker& thread) noexcept override { clock_.thread_ends(thread); }

    void advance(duration time) {
        clock_.wait_for_background();
        clock_.advance(time);
        clock_.wait_for_background();
    }
    // When the library is to be woken; max(): not at all.
    [[nodiscard]] time_point alarm() {
        clock_.wait_for_background();
        return time_point{duration{alarm_.load()}};
    }
    [[nodiscard]] int alarms() const { return alarms_; }

  private:
    testing::ManualClock clock_;
    std::atomic<rep> alarm_{time_point::max().time_since_epoch().count()};
    std::atomic<int> alarms_{0};
};

}  // namespace leaselock

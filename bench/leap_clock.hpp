// For benchmarks of what is done in the course of time, without waiting for it.
//
// Thread-safety: as Clock says; leap() is for one thread.
#pragma once

#include <atomic>
#include <memory>

#include <leaselock/clock.hpp>

namespace bench {

// The boot clock, which may be put forward while nobody but the LeaseTask sleeps on it.
class LeapClock final : public leaselock::Clock {
  public:
    time_point now() const noexcept override { return real_->now() + ahead(); }
    void sleep_until(time_point until, leaselock::Waker& waker) override {
        sleeper_ = &waker;
        real_->sleep_until(in_real(until), waker);
    }
    void leap(duration by) {
        ahead_ += by.count();
        if (leaselock::Waker* const waker = sleeper_) waker->wake();
    }

  private:
    duration ahead() const noexcept { return duration{ahead_.load()}; }
    time_point in_real(time_point t) const { return t == time_point::max() ? t : t - ahead(); }

    const std::shared_ptr<leaselock::Clock> real_ = leaselock::boot_clock();
    std::atomic<rep> ahead_{0};
    std::atomic<leaselock::Waker*> sleeper_{nullptr};
};

}  // namespace bench

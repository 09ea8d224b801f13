// The only place that knows the time, and the only one that sleeps. Deadlines of leases and waits
// are points on a Clock; no wall clock takes part. boot_clock() is what everybody uses; a test
// hands in leaselock::testing::ManualClock.
//
// Thread-safety: every implementation must allow all calls from all threads at once.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <utility>

#include <leaselock/detail/export.hpp>
#include <leaselock/detail/thread_annotations.hpp>

namespace leaselock {

// The bell beside a thread that sleeps on a Clock. A wake-up that comes while nobody sleeps ends
// the next sleep at once, so none is missed.
//
// Thread-safety: wake() from all threads at once; wait() from the one that sleeps.
class Waker {
  public:
    void wake() noexcept {
        {
            const detail::MutexLock lock{mutex_};
            woken_ = true;
        }
        condition_.notify_one();
    }
    // For clocks. Blocks until woken (true; the wake-up is used up) or for about `at_most` on the
    // steady clock (false).
    bool wait(std::chrono::nanoseconds at_most) {
        const detail::MutexLock lock{mutex_};
        asleep_ = true;
        if (!woken_) condition_.wait_for(mutex_, at_most);
        asleep_ = false;
        return std::exchange(woken_, false);
    }
    // Whether somebody sleeps by it whom nobody has woken.
    [[nodiscard]] bool asleep() {
        const detail::MutexLock lock{mutex_};
        return asleep_ && !woken_;
    }

  private:
    detail::Mutex mutex_;
    detail::Condition condition_;
    bool woken_ LEASELOCK_GUARDED_BY(mutex_) = false;
    bool asleep_ LEASELOCK_GUARDED_BY(mutex_) = false;
};

class LEASELOCK_EXPORT Clock {
  public:
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<Clock, duration>;
    static constexpr bool is_steady = true;

    Clock() = default;
    Clock(const Clock&) = delete;
    Clock& operator=(const Clock&) = delete;
    virtual ~Clock() = default;

    // Never goes back. Goes on while the machine is suspended, so that a lease does not outlive a
    // closed lid. Does not block.
    [[nodiscard]] virtual time_point now() const noexcept = 0;

    // Blocks until `until` is reached (true) or `stop` is requested (false).
    virtual bool sleep_until(time_point until, const std::stop_token& stop) = 0;

    // Blocks until `until` is reached or `waker` is woken. May return earlier: who calls looks at
    // the time again.
    virtual void sleep_until(time_point until, Waker& waker) = 0;
};

// CLOCK_BOOTTIME. One object for the process, alive as long as somebody holds it.
[[nodiscard]] LEASELOCK_EXPORT std::shared_ptr<Clock> boot_clock();

namespace detail {

// t + d for any d that is not negative, without overflow: at the end of time it stays there.
[[nodiscard]] constexpr Clock::time_point saturating_add(Clock::time_point t,
                                                         std::chrono::milliseconds d) noexcept {
    Clock::rep sum = 0;
    if (__builtin_mul_overflow(d.count(), Clock::rep{1'000'000}, &sum) ||
        __builtin_add_overflow(sum, t.time_since_epoch().count(), &sum)) {
        return Clock::time_point::max();
    }
    return Clock::time_point{Clock::duration{sum}};
}

}  // namespace detail
}  // namespace leaselock

// The only place that knows the time, and the only one that sleeps. Deadlines of leases and waits
// are points on a Clock; no wall clock takes part. boot_clock() is what everybody uses; a test
// hands in leaselock::testing::ManualClock.
//
// Thread-safety: every implementation must allow all calls from all threads at once.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>

#include <leaselock/detail/export.hpp>

namespace leaselock {

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

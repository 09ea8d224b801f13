// The only place that knows the time, and the only one that sleeps. Deadlines of leases and waits
// are points on a Clock; no wall clock takes part. boot_clock() is what everybody uses; a test
// hands in leaselock::testing::ManualClock.
//
// A clock of your own has two functions, now() and one sleep_until(), and a third one if its time
// does not go as fast as the machine's, set_alarm():
//
//     void sleep_until(time_point until, Waker& waker) override {
//         while (now() < until && !waker.wait(how_long_that_is(until - now()))) {
//         }
//     }
//
// Thread-safety: every implementation must allow all calls from all threads at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include <leaselock/detail/export.hpp>
#include <leaselock/detail/requirements.hpp>
#include <leaselock/detail/word.hpp>

namespace leaselock {

// The bell beside a thread that sleeps on a Clock. A wake-up that comes while nobody sleeps ends
// the next sleep at once, so none is missed.
//
// Thread-safety: wake() and is_asleep() from all threads at once; the rest from the one that
// sleeps. That one may destroy it when it has seen the wake-up, though wake() may not have
// returned.
class Waker {
  public:
    // Whose thread sleeps by it: one that called the library, or one of the library's own. Real
    // clocks do not care. A clock for tests may move its time when a caller sleeps.
    enum class Thread : std::uint8_t { of_caller, of_library };

    explicit Waker(Thread thread = Thread::of_caller) noexcept : thread_{thread} {}
    Waker(const Waker&) = delete;
    Waker& operator=(const Waker&) = delete;
    ~Waker() = default;

    // Does not block. The thread goes on as the WakeUp is destroyed.
    WakeUp wake() noexcept { return word_.set(woken); }

    // For clocks. Blocks until woken (true; the wake-up is used up) or for about `at_most` on the
    // steady clock (false); may return earlier (false).
    bool wait(std::chrono::nanoseconds at_most) noexcept {
        (void)word_.wait(at_most);
        return word_.take(woken) != 0;
    }
    // For Backend::sleep_until(), whose thread sleeps in poll() instead: see Word.
    [[nodiscard]] bool begin_poll(int bell) noexcept { return word_.begin_poll(bell); }
    [[nodiscard]] bool end_poll() noexcept { return word_.end_poll(); }
    // Whether a thread sleeps by it that was not woken.
    [[nodiscard]] bool is_asleep() const noexcept { return word_.asleep(); }
    [[nodiscard]] Thread thread() const noexcept { return thread_; }

  private:
    static constexpr detail::Word::Bits woken = 1;

    detail::Word word_;
    const Thread thread_;
};

// What rings at a time though no thread sleeps for it: something that the library's engine does,
// which waits for much else at the same time.
//
// Thread-safety: all calls from all threads at once.
class Alarm {
  public:
    Alarm() = default;
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;

    // What it is for is to be done now. Does not block, and calls no clock.
    virtual void ring() noexcept = 0;
    // Whether all that it rang for is done.
    [[nodiscard]] virtual bool is_at_rest() const noexcept = 0;

  protected:
    ~Alarm() = default;
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

    // Blocks until `until` is reached or `waker` is woken. May return earlier: the caller looks
    // at the time again. A clock whose time is moved by hand wakes those whose time has come.
    virtual void sleep_until(time_point until, Waker& waker) = 0;

    // `alarm` rings once when `until` is reached, in the place of the time that was set before;
    // max(): it does not. Does not block. False, as it is here: this clock cannot do that. Then the
    // library counts on real time, and asks a clock that is not boot_clock() each 50 ms.
    virtual bool set_alarm(Alarm& /*alarm*/, time_point /*until*/) noexcept { return false; }
    // The alarm does not ring any more, and may be destroyed when this returns.
    virtual void forget(Alarm& /*alarm*/) noexcept {}

    // For clocks of tests, which know when the library has done all that is due: from begin to end
    // a thread of it is at rest only while it sleeps here by that waker. Do not block. May throw
    // bad_alloc. One that has not begun may end.
    virtual void thread_begins(const Waker& /*thread*/) {}
    virtual void thread_ends(const Waker& /*thread*/) noexcept {}

    // Blocks until `until` is reached (true) or `stop` is requested (false).
    bool sleep_until(time_point until, const std::stop_token& stop);
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

// A Clock for tests: its time does not move until the test moves it. So a test of an hour takes no
// time, and what happens at which moment is not left to the scheduler.
//
// A thread that sleeps on it never sleeps by real time: it waits until another thread moves the
// time past its end, or wakes it. `self_advancing`, for tests of one thread: a caller's sleep moves
// the time to its own end and returns at once; one without an end, and those of the library's own
// threads, wait in any case.
//
// wait_for_sleepers() says when callers are asleep, wait_for_background() when the library has
// done by itself all there was to do.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <list>
#include <mutex>
#include <vector>

#include <leaselock/clock.hpp>

namespace leaselock::testing {

class ManualClock final : public Clock {
  public:
    enum class Sleep { blocking, self_advancing };

    // Begins an hour after the epoch, so that tests may look back a little.
    explicit ManualClock(Sleep sleep = Sleep::blocking) noexcept : sleep_{sleep} {}

    [[nodiscard]] time_point now() const noexcept override {
        return time_point{duration{now_.load(std::memory_order_acquire)}};
    }

    using Clock::sleep_until;
    // Blocks until others move the time so far, or wake; see above.
    void sleep_until(time_point until, Waker& waker) override {
        const bool moves = until != time_point::max() && waker.thread() == Waker::Thread::of_caller;
        if (sleep_ == Sleep::self_advancing && moves) {
            if (!waker.wait(duration{0})) set(until);
            return;
        }
        std::unique_lock lock{mutex_};
        if (now() >= until) return;
        const auto self = sleepers_.insert(sleepers_.end(), {&waker, until});
        changed_.notify_all();
        lock.unlock();
        (void)waker.wait(duration::max());
        lock.lock();
        sleepers_.erase(self);
    }

    bool set_alarm(Alarm& alarm, time_point until) noexcept override {
        const std::lock_guard lock{mutex_};
        const auto found = find(alarm);
        if (found == alarms_.end()) {
            alarms_.push_back({&alarm, until});
        } else {
            found->until = until;
        }
        ring_due();
        changed_.notify_all();
        return true;
    }
    void forget(Alarm& alarm) noexcept override {
        const std::lock_guard lock{mutex_};
        const auto found = find(alarm);
        if (found != alarms_.end()) alarms_.erase(found);
    }

    void thread_begins(const Waker& thread) override {
        const std::lock_guard lock{mutex_};
        threads_.push_back(&thread);
    }
    void thread_ends(const Waker& thread) noexcept override {
        const std::lock_guard lock{mutex_};
        std::erase(threads_, &thread);
        changed_.notify_all();
    }

    // Moves the time on and wakes all that sleep until then. `d` is not negative.
    void advance(duration d) { set(now() + d); }
    // The same to a point in time. Time never goes back: an earlier point changes nothing.
    void set(time_point to) {
        const std::lock_guard lock{mutex_};
        now_.store(std::max(now(), to).time_since_epoch().count(), std::memory_order_release);
        for (const Sleeper& each : sleepers_) {
            if (each.until <= now()) each.waker->wake();
        }
        ring_due();
    }

    // Blocks until at least `count` callers sleep on this clock, and nobody has woken them.
    void wait_for_sleepers(int count = 1) {
        wait_until([&] { return sleeping_callers() >= count; });
    }
    // Blocks until the library has done by itself all that is due now: the renewals and clean-ups
    // of each manager with this clock, and what its threads for user code and for coroutines have
    // to do, as long as that takes. Not for a callback, which would wait for itself. What a backend
    // has not answered yet is not due.
    void wait_for_background() {
        wait_until([&] { return engine_rests() && threads_rest() && engine_rests(); });
    }

  private:
    struct Sleeper {
        Waker* waker;
        time_point until;
    };
    struct SetAlarm {
        Alarm* alarm;
        time_point until;  // max(): it rang, or is not to
    };

    template <class Condition>
    void wait_until(Condition condition) {
        std::unique_lock lock{mutex_};
        while (!condition()) changed_.wait_for(lock, std::chrono::milliseconds{1});
    }
    [[nodiscard]] std::ptrdiff_t sleeping_callers() const noexcept {
        return std::count_if(sleepers_.begin(), sleepers_.end(), [](const Sleeper& each) {
            return each.waker->thread() == Waker::Thread::of_caller && each.waker->is_asleep();
        });
    }
    [[nodiscard]] bool threads_rest() const noexcept {
        return std::all_of(threads_.begin(), threads_.end(),
                           [](const Waker* each) { return each->is_asleep(); });
    }
    [[nodiscard]] bool engine_rests() const noexcept {
        return std::all_of(alarms_.begin(), alarms_.end(),
                           [](const SetAlarm& each) { return each.alarm->is_at_rest(); });
    }
    [[nodiscard]] std::vector<SetAlarm>::iterator find(const Alarm& alarm) noexcept {
        return std::find_if(alarms_.begin(), alarms_.end(),
                            [&](const SetAlarm& each) { return each.alarm == &alarm; });
    }
    void ring_due() noexcept {
        for (SetAlarm& each : alarms_) {
            if (each.until > now()) continue;
            each.until = time_point::max();
            each.alarm->ring();
        }
    }

    const Sleep sleep_;
    std::atomic<rep> now_{duration{std::chrono::hours{1}}.count()};
    std::mutex mutex_;  // guards the rest, and orders changes of the time with sleeping
    std::condition_variable changed_;
    std::list<Sleeper> sleepers_;
    std::vector<SetAlarm> alarms_;
    std::vector<const Waker*> threads_;  // of the library
};

}  // namespace leaselock::testing

// A Clock for tests: its time does not move until the test moves it. So a test of an hour takes no
// time, and what happens at which moment is not left to the scheduler.
//
// A thread that sleeps on it never sleeps by real time: it waits until another thread moves the
// time past its end, or wakes it. `self_advancing`, for tests of one thread: a caller's sleep moves
// the time to its own end and returns at once; those of the library's own threads wait in any case.
//
// wait_for_sleepers() tells when callers are asleep, wait_for_background() when the library has
// done by itself all there was to do: each of its threads that sleeps on this clock counts, and so
// do the renewals of each manager, which its engine does.
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
        if (sleep_ == Sleep::self_advancing && waker.thread() == Waker::Thread::of_caller) {
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

    // Moves the time on and wakes whoever sleeps until then. `d` is not negative.
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
    void wait_for_sleepers(int count = 1) { wait_for(Waker::Thread::of_caller, count); }
    // The same for what the library does by itself: until `count` of its own have nothing to do.
    void wait_for_background(int count = 1) { wait_for(Waker::Thread::of_library, count); }

  private:
    struct Sleeper {
        Waker* waker;
        time_point until;
    };
    struct SetAlarm {
        Alarm* alarm;
        time_point until;  // max(): it rang, or is not to
    };

    void wait_for(Waker::Thread thread, int count) {
        std::unique_lock lock{mutex_};
        while (at_rest(thread) < count) changed_.wait_for(lock, std::chrono::milliseconds{1});
    }
    [[nodiscard]] std::ptrdiff_t at_rest(Waker::Thread thread) const noexcept {
        const auto asleep =
            std::count_if(sleepers_.begin(), sleepers_.end(), [&](const Sleeper& each) {
                return each.waker->thread() == thread && each.waker->is_asleep();
            });
        if (thread == Waker::Thread::of_caller) return asleep;
        return asleep + std::count_if(alarms_.begin(), alarms_.end(), [](const SetAlarm& each) {
                   return each.alarm->is_at_rest();
               });
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
};

}  // namespace leaselock::testing

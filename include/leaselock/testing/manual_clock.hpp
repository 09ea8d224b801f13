// A Clock for tests: its time stands still until somebody moves it. So a test of an hour takes no
// time, and what happens at which moment is not left to the scheduler.
//
// There are two ways to sleep on it. `blocking`: a sleeper waits until another thread moves the
// time past its end, or stops it; wait_for_sleepers() tells that thread when it is asleep.
// `self_advancing`: a sleep moves the time to its own end and returns at once, for tests of one
// thread.
//
// Threads of the library that sleep with a Waker always wait until somebody moves the time or wakes
// them; wait_for_background() tells when they have done all there was to do.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <vector>

#include <leaselock/clock.hpp>

namespace leaselock::testing {

class ManualClock final : public Clock {
  public:
    enum class Sleep { blocking, self_advancing };

    // Begins an hour behind the epoch, so that tests may look back a little.
    explicit ManualClock(Sleep sleep = Sleep::blocking) noexcept : sleep_{sleep} {}

    [[nodiscard]] time_point now() const noexcept override {
        return time_point{duration{now_.load(std::memory_order_acquire)}};
    }

    // Blocks for no longer than it takes others to move the time; see the two ways above.
    bool sleep_until(time_point until, const std::stop_token& stop) override {
        if (sleep_ == Sleep::self_advancing) {
            if (stop.stop_requested()) return false;
            set(until);
            return true;
        }
        std::unique_lock lock{mutex_};
        ++sleepers_;
        changed_.notify_all();
        changed_.wait(lock, stop, [&] { return now() >= until; });
        --sleepers_;
        return !stop.stop_requested();
    }

    // Returns earlier now and then, as it may: who sleeps for a moment is not to sleep for ever
    // because nobody moves the time.
    void sleep_until(time_point until, Waker& waker) override {
        std::unique_lock lock{mutex_};
        if (now() >= until) return;
        background_.push_back({&waker, until});
        lock.unlock();
        waker.wait(std::chrono::milliseconds{20});
        lock.lock();
        std::erase_if(background_, [&](const Sleeper& each) { return each.waker == &waker; });
    }

    // Moves the time on and wakes whoever sleeps until then. `d` is not negative.
    void advance(duration d) { set(now() + d); }
    // The same to a point in time. Time never goes back: an earlier point changes nothing.
    void set(time_point to) {
        {
            const std::lock_guard lock{mutex_};
            now_.store(std::max(now(), to).time_since_epoch().count(), std::memory_order_release);
            for (const Sleeper& each : background_) {
                if (each.until <= now()) each.waker->wake();
            }
        }
        changed_.notify_all();
    }

    // Blocks until at least `count` threads are asleep on this clock.
    void wait_for_sleepers(int count = 1) {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [&] { return sleepers_ >= count; });
    }

    // Blocks until at least `count` threads sleep with a Waker, each to a time that is still to
    // come, and nobody has woken them: until they have done all there was to do.
    void wait_for_background(int count = 1) {
        const auto idle = [&](const Sleeper& each) {
            return each.until > now() && each.waker->asleep();
        };
        std::unique_lock lock{mutex_};
        while (std::count_if(background_.begin(), background_.end(), idle) < count) {
            changed_.wait_for(lock, std::chrono::milliseconds{1});
        }
    }

  private:
    struct Sleeper {
        Waker* waker;
        time_point until;
    };

    const Sleep sleep_;
    std::atomic<rep> now_{duration{std::chrono::hours{1}}.count()};
    std::mutex mutex_;  // guards the rest, and orders changes of the time with sleeping
    std::condition_variable_any changed_;
    int sleepers_ = 0;
    std::vector<Sleeper> background_;
};

}  // namespace leaselock::testing

// An operation for a thread that blocks until it is completed. For the library and for backends
// that ask others; not for users.
//
// Thread-safety: one thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/requirements.hpp>

namespace leaselock::detail {

// How long a command whose caller has requested a stop waits for its answer, from its sending: a
// store that works answers sooner, and then its outcome is known.
inline constexpr std::chrono::milliseconds patience_of_stopped{20};

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): never deleted as a Completion
class BlockingCall final : private Completion {
  public:
    explicit BlockingCall(Operation& operation) noexcept : operation_{operation} {
        operation_.completion = this;
        operation_.submitter = Submitter::helps;
    }
    BlockingCall(const BlockingCall&) = delete;
    BlockingCall& operator=(const BlockingCall&) = delete;
    ~BlockingCall() = default;

    // Submits the operation and blocks until it is completed: at most until its deadline, when it
    // is cancelled, or the backend's own time-out.
    void run(Backend& backend, Clock& clock) noexcept {
        backend.submit(operation_);
        finish(backend, clock);
    }
    // The same for one that was submitted since this was made. A stop cancels it after twice the
    // patience at most.
    void finish(Backend& backend, Clock& clock, const std::stop_token& stop = {}) noexcept {
        const Clock::time_point deadline = operation_.request.deadline;
        while (!is_completed()) {
            const Clock::time_point now = clock.now();
            if (now >= deadline) break;
            // A stop wakes nobody in help(), so it is looked for now and then.
            const Clock::time_point until =
                stop.stop_possible() ? std::min(deadline, saturating_add(now, patience_of_stopped))
                                     : deadline;
            if (!backend.help(operation_, until) && !is_completed()) {
                clock.sleep_until(until, waker_);
            }
            if (stop.stop_requested() && clock.now() >= until) break;
        }
        if (!is_completed()) backend.cancel(operation_);
        while (!is_completed()) clock.sleep_until(Clock::time_point::max(), waker_);
    }

    // Whether nobody touches the operation any more. Else finish() has to be called.
    [[nodiscard]] bool is_over() const noexcept { return is_over_.load(std::memory_order_acquire); }

  private:
    // The flag is the last thing that is touched.
    void completed(Operation& /*operation*/) noexcept override {
        waker_.wake();
        is_over_.store(true, std::memory_order_release);
    }
    // What is done is completed at once: for that moment it is not worth to sleep.
    [[nodiscard]] bool is_completed() const noexcept {
        if (!operation_.done()) return false;
        while (!is_over()) std::this_thread::yield();
        return true;
    }

    Operation& operation_;
    std::atomic<bool> is_over_{false};
    Waker waker_;
};

}  // namespace leaselock::detail

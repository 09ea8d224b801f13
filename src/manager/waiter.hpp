// A caller's thread that waits for a lock: asleep on the clock until its time, its caller's stop
// token, a message of the backend, or its turn in the local queue. What comes while it is awake
// ends the next sleep at once, so nothing is missed.
//
// Thread-safety: sleep() and take_message() for the thread that waits, the others for all.
#pragma once

#include <optional>
#include <stop_token>
#include <string_view>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/thread_annotations.hpp>

#include "manager/local_queue.hpp"

namespace leaselock::detail {

class Waiter final : public Listener, public LocalQueue::Ticket {
  public:
    // The texts outlive it.
    Waiter(const Backend& backend, std::string_view key, std::string_view token) noexcept
        : Listener{key, token}, Ticket{backend, key} {}

    // Blocks until something comes, or the time (true), or `stop` is requested (false). May throw
    // bad_alloc.
    bool sleep(Clock& clock, Clock::time_point until, const std::stop_token& stop);
    // The newest one that came since the last call.
    [[nodiscard]] std::optional<HandOff> take_message() noexcept;

    void handed_over(const HandOff& what) noexcept override;
    void look() noexcept override { ring(); }
    void turn() noexcept override { ring(); }

  private:
    void ring() noexcept;

    Mutex mutex_;
    std::optional<HandOff> message_ LEASELOCK_GUARDED_BY(mutex_){};
    bool rung_ LEASELOCK_GUARDED_BY(mutex_) = false;
    // Ends the sleep that is under way.
    std::stop_source asleep_ LEASELOCK_GUARDED_BY(mutex_){std::nostopstate};
};

}  // namespace leaselock::detail

// A waiter for a lock, as the backend and the local queue know it: it gets messages of the one and
// its turn in the other. The derived classes say how it is woken: ThreadWaiter is a thread that
// sleeps on the clock. What comes while it is awake counts all the same, so nothing is missed.
//
// Thread-safety: take_message() and sleep() for the waiter itself, the others for all.
#pragma once

#include <optional>
#include <stop_token>
#include <string_view>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/thread_annotations.hpp>

#include "core/local_queue.hpp"

namespace leaselock::detail {

class Waiter : public Listener, public LocalQueue::Ticket {
  public:
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    ~Waiter() override = default;

    // The newest one that came since the last call.
    [[nodiscard]] std::optional<HandOff> take_message() noexcept;

    WakeUp handed_over(const HandOff& what) noexcept final;
    WakeUp poll() noexcept final { return wake(); }
    WakeUp turn() noexcept final { return wake(); }

  protected:
    // The texts outlive it.
    Waiter(const Backend& backend, std::string_view key, std::string_view token) noexcept
        : Listener{key, token}, Ticket{backend, key} {}

    // Something came. Under locks of the backend or the queue: must not block, or call them.
    virtual WakeUp wake() noexcept = 0;

  private:
    Mutex mutex_;
    std::optional<HandOff> message_ LEASELOCK_GUARDED_BY(mutex_){};
};

class ThreadWaiter final : public Waiter {
  public:
    ThreadWaiter(const Backend& backend, std::string_view key, std::string_view token) noexcept
        : Waiter{backend, key, token} {}

    // Blocks until something comes, or the time (true), or `stop` is requested (false). May return
    // earlier. Does I/O of `backend` meanwhile, if there is some; null: none.
    bool sleep(Clock& clock, Clock::time_point until, const std::stop_token& stop,
               Backend* backend);

  private:
    WakeUp wake() noexcept override { return waker_.wake(); }

    Waker waker_;
};

}  // namespace leaselock::detail

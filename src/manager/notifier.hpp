// The thread that runs user code: callbacks of lost(), and the observer. It keeps the deadlines of
// the leases whose loss somebody wants to be told, so that a loss is told in time whatever the
// Keeper is at, and user code that blocks holds up no renewal. Started when first needed.
//
// Thread-safety: all calls from all threads at once. User code runs outside all locks, and may
// call everything here.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include <leaselock/clock.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/observer.hpp>

namespace leaselock::detail {

class Lease;

// A lease whose loss somebody wants to be told.
struct Watch {
    explicit Watch(const Lease& what) : lease{&what} {}

    std::stop_source source{};
    const Lease* const lease;
    static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);
    std::size_t place = nowhere;  // in the Notifier's list
};

class Notifier {
  public:
    using Tell = void (Observer::*)(const LockEvent&);

    Notifier(std::shared_ptr<Clock> clock, std::shared_ptr<Observer> observer);
    Notifier(const Notifier&) = delete;
    Notifier& operator=(const Notifier&) = delete;
    ~Notifier() = default;

    // False: the thread cannot be started. May throw bad_alloc.
    [[nodiscard]] static bool start(const std::shared_ptr<Notifier>& self);
    // Lets the thread do what is due, and ends it; waits at most until `deadline`, and not at all
    // when it is this thread.
    void stop(Clock::time_point deadline) noexcept;

    // From now on the loss of that lease is told, once. May throw bad_alloc.
    void watch(Watch& watch);
    // Not any more. The lease may go away when this returns.
    void forget(Watch& watch) noexcept;
    // A deadline came nearer than it was, or is over.
    void look() noexcept { waker_.wake(); }

    [[nodiscard]] bool observed() const noexcept { return observer_ != nullptr; }
    // Has the observer told, if there is one. Never throws; what cannot be kept is counted.
    void tell(Tell what, LockEvent event) noexcept;
    [[nodiscard]] std::uint64_t dropped() const noexcept;

  private:
    struct Event {
        Tell what;
        LockEvent event;
    };

    void run() noexcept;
    // Each does one thing that is due, with the mutex unlocked meanwhile; false if nothing is.
    [[nodiscard]] bool fire_next() LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] bool tell_next() LEASELOCK_REQUIRES(mutex_);
    void unlist(Watch& watch) noexcept LEASELOCK_REQUIRES(mutex_);

    const std::shared_ptr<Clock> clock_;
    const std::shared_ptr<Observer> observer_;
    Waker waker_;
    Waker done_;

    mutable Mutex mutex_;
    std::thread thread_ LEASELOCK_GUARDED_BY(mutex_);
    std::vector<Watch*> watches_ LEASELOCK_GUARDED_BY(mutex_);
    std::deque<Event> events_ LEASELOCK_GUARDED_BY(mutex_);
    std::uint64_t dropped_ LEASELOCK_GUARDED_BY(mutex_) = 0;
    // When it looks at the deadlines next. Known only while it sleeps: max() means now.
    Clock::time_point next_look_ LEASELOCK_GUARDED_BY(mutex_) = Clock::time_point::max();
    bool stopping_ LEASELOCK_GUARDED_BY(mutex_) = false;
};

}  // namespace leaselock::detail

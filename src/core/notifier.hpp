// The thread that runs user code: callbacks of lost(), and the observer. It keeps the leases whose
// loss somebody wants to know under their deadlines, in a heap, so that a loss is notified in time
// whatever the LeaseTask is at, and user code that blocks holds up no renewal. Callbacks of lost()
// run on this thread alone. Started when first needed.
//
// A renewal moves a deadline away and does not say so: what looks due is asked when it is due, and
// sorted in again. So an event, a renewal and a loss cost the same with one lease and with 10 000.
//
// Thread-safety: all calls from all threads at once. User code runs outside all locks, and may
// call everything here.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include <leaselock/clock.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/observer.hpp>

#include "base/due_heap.hpp"

namespace leaselock::detail {

class Lease;
class Notifier;

// A lease whose loss somebody wants to know.
struct LossWatch {
    LossWatch(Notifier& by, const Lease& what) : notifier{by}, lease{&what} {}

    std::stop_source source{};
    std::vector<std::stop_source> others{};  // that fire, too
    Notifier& notifier;
    const Lease* const lease;
    bool listed = false;      // in the Notifier's heap,
    std::uint32_t index = 0;  // and where
};

class Notifier {
  public:
    using Tell = void (Observer::*)(const LockEvent&);

    Notifier(std::shared_ptr<Clock> clock, std::shared_ptr<Observer> observer);
    Notifier(const Notifier&) = delete;
    Notifier& operator=(const Notifier&) = delete;
    ~Notifier() = default;

    // False: the thread cannot be started, or was stopped. May throw bad_alloc.
    [[nodiscard]] static bool start(const std::shared_ptr<Notifier>& self);
    // Lets the thread do what is due, and ends it; waits at most until `deadline`, and not at all
    // when it is this thread.
    void stop(Clock::time_point deadline) noexcept;

    // From now on the loss of that lease is notified, once. It has no watch yet, and gets one. May
    // throw bad_alloc.
    void watch(Lease& lease);
    // That source fires, too. False: too late, nothing is going to. May throw bad_alloc.
    [[nodiscard]] bool pass_on(LossWatch& watch, const std::stop_source& to);
    // Not any more. The lease may go away when this returns.
    void forget(LossWatch& watch) noexcept;
    // The deadline of that lease came nearer than it was, or is over.
    void check(const Lease& lease) noexcept;

    [[nodiscard]] bool observed() const noexcept { return observer_ != nullptr; }
    // Notifies the observer, if there is one. Never throws; what cannot be kept is counted.
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
    void unlist(LossWatch& watch) noexcept LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] static std::uint32_t& index_of(LossWatch& watch) noexcept { return watch.index; }

    const std::shared_ptr<Clock> clock_;
    const std::shared_ptr<Observer> observer_;
    Waker waker_{Waker::Thread::of_library};
    Waker done_{Waker::Thread::of_library};
    std::atomic<bool> has_ended_{false};  // but for its last few steps

    mutable Mutex mutex_;
    std::thread thread_ LEASELOCK_GUARDED_BY(mutex_);
    // Each under a deadline that its lease had: that may have moved away since, but not nearer.
    DueHeap<LossWatch, index_of> watches_ LEASELOCK_GUARDED_BY(mutex_);
    std::deque<Event> events_ LEASELOCK_GUARDED_BY(mutex_);
    std::uint64_t dropped_ LEASELOCK_GUARDED_BY(mutex_) = 0;
    // When it looks at the deadlines next. Known only while it sleeps: max() means now.
    Clock::time_point next_check_ LEASELOCK_GUARDED_BY(mutex_) = Clock::time_point::max();
    bool told_unset_ LEASELOCK_GUARDED_BY(mutex_) = false;
    bool stopping_ LEASELOCK_GUARDED_BY(mutex_) = false;
};

}  // namespace leaselock::detail

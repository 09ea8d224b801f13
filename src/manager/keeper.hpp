// The one working thread of a manager: renews what is held, reads the answers to releases that
// nobody waits for, and repeats those that are owed. All renewals that are due leave in one write.
// It runs no user code, and has a connection of its own where the backend has connections, so that
// it queues behind nobody. Started at the first acquire.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/origin.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/observer.hpp>

#include "manager/cleanup.hpp"
#include "manager/hold_table.hpp"
#include "manager/lease.hpp"
#include "manager/notifier.hpp"

namespace leaselock::detail {

class Keeper {
  public:
    Keeper(Clock& clock, Notifier& notifier) noexcept : clock_{clock}, notifier_{notifier} {}
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;
    ~Keeper() = default;

    // False: the thread cannot be started. May throw bad_alloc.
    [[nodiscard]] bool start();
    // All that is held is lost; releases that are owed are delivered until `deadline`, and given up
    // then. Returns when the thread has ended: a connection that it is making may take it longer.
    void stop(Clock::time_point deadline) noexcept;

    [[nodiscard]] HoldTable& table() noexcept { return table_; }
    [[nodiscard]] Cleanup& cleanup() noexcept { return cleanup_; }
    // Submits the release that the lease owes, and sees to its answer. Does not wait, but after
    // stop() for the answer, until that deadline.
    void post(LeasePtr lease) noexcept;
    // Takes over a lease whose release was tried and has to be repeated.
    void take_over(LeasePtr lease, Errc error) noexcept;

    // The answer to a renewal that the holder asked for.
    HoldMachine::Verdict extended(Lease& lease, const Operation& renewal) noexcept;

  private:
    struct Renewal {
        Renewal(Lease* held, const Request& request) : lease{held}, operation{request} {}

        Lease* lease;
        Operation operation;
    };
    // One for each backend that was met.
    struct Lane {
        Backend* backend;
        std::shared_ptr<Backend> own;  // its side channel; null: itself will do
        std::deque<Renewal> renewals{};
        std::vector<Operation*> batch{};

        [[nodiscard]] Backend& channel() const noexcept { return own ? *own : *backend; }
    };

    void run() noexcept;
    void round(Clock::time_point latest) noexcept;
    void hold(Clock::time_point now) noexcept;
    [[nodiscard]] Clock::time_point tend(Clock::time_point now) noexcept;
    void shut_down() noexcept;

    void read_answer(Lease& lease) noexcept;
    void renew(Lease& lease, Clock::time_point now) noexcept;
    void send_release(Lease& lease, Clock::time_point now) noexcept;
    void submit() noexcept;
    void settle(Lane& lane, Clock::time_point now) noexcept;
    void judge(Renewal& renewal, Clock::time_point now) noexcept;
    [[nodiscard]] Clock::time_point pump(Clock::time_point until) noexcept;
    [[nodiscard]] Clock::time_point left_to_callers_until(const Lease& lease) noexcept;
    [[nodiscard]] Lane& lane_of(Backend& backend);
    void tell_lost(Lease& lease, Errc error, Clock::time_point now) noexcept;
    void settled(const Lease& lease, Clock::time_point now) noexcept;

    const Origin origin_{};
    Clock& clock_;
    Notifier& notifier_;
    Waker waker_{Waker::Thread::of_library};
    HoldTable table_{waker_};
    Cleanup cleanup_;
    std::atomic<bool> looking_{false};  // awake, or soon: a post need not ring
    std::atomic<bool> stopping_{false};
    std::atomic<Clock::rep> stop_by_{0};
    std::stop_source stopped_{};

    Mutex mutex_;
    std::thread thread_ LEASELOCK_GUARDED_BY(mutex_);
    // The thread's own.
    std::deque<Lane> lanes_;
    HoldTable::Due due_;
    std::size_t in_flight_ = 0;
    bool lingered_ = false;  // it has waited for a tick since the last thing that it did
};

}  // namespace leaselock::detail

// The one working thread of a manager: renews what is held, reads the answers to releases that
// nobody waits for, and repeats those that are owed. All renewals that are due leave in one write
// for each backend; each is dealt with when it is answered, whatever the others are at. It runs no
// user code and waits for no store. Started at the first acquire.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <atomic>
#include <deque>
#include <list>
#include <stop_token>
#include <thread>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/origin.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/observer.hpp>

#include "core/answers.hpp"
#include "core/cleanup.hpp"
#include "core/hold_table.hpp"
#include "core/lease.hpp"
#include "core/notifier.hpp"
#include "core/outbox.hpp"

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
    // then. Returns when the thread has ended.
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
    struct Lane;
    // NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): never deleted as a Completion
    struct Renewal final : Answers::Item, Completion {
        Renewal(Keeper& keeper, Lane& its_lane, Lease& held, const Request& request)
            : answers{keeper.renewed_}, lane{its_lane}, lease{held}, operation{request} {
            operation.completion = this;
        }
        void completed(Operation& /*operation*/) noexcept override { answers.add(*this); }

        Answers& answers;
        Lane& lane;
        Lease& lease;
        Operation operation;
        std::list<Renewal>::iterator self{};
    };
    // One for each backend that was met.
    struct Lane {
        Backend* backend;
        std::list<Renewal> renewals{};  // under way, or answered and not dealt with
    };

    void run() noexcept;
    void round(Clock::time_point latest) noexcept;
    [[nodiscard]] bool take_answers(Clock::time_point now) noexcept;
    void hold(Clock::time_point now) noexcept;
    void sleep(Clock::time_point until, bool had_answers) noexcept;
    void shut_down() noexcept;
    void cancel_all() noexcept;
    [[nodiscard]] bool is_under_way() noexcept;
    void give_up_cleanup() noexcept;

    void deliver(Lease& lease) noexcept;
    // Until when a release waits for its answer that comes after stop().
    [[nodiscard]] Clock::time_point last_wait() const noexcept;
    static void forget(const Renewal& renewal) noexcept;
    void renew(Lease& lease, Clock::time_point now) noexcept;
    void not_sent(Lease& lease, const Request& request, Errc error, Clock::time_point now) noexcept;
    void send_release(Lease& lease, Clock::time_point now) noexcept;
    void judge(Lease& lease, Operation& renewal, Clock::time_point now) noexcept;
    [[nodiscard]] Lane& lane_of(Backend& backend);
    void tell_lost(Lease& lease, Errc error, Clock::time_point now) noexcept;
    void settled(const Lease& lease, Clock::time_point now) noexcept;

    const Origin origin_{};
    Clock& clock_;
    Notifier& notifier_;
    Waker waker_{Waker::Thread::of_library};
    HoldTable table_{waker_};
    Cleanup cleanup_;
    Answers renewed_{waker_};
    Answers released_{waker_};
    std::atomic<bool> stopping_{false};
    std::atomic<Clock::rep> stop_by_{0};
    std::stop_source stopped_{};

    Mutex mutex_;
    std::thread thread_ LEASELOCK_GUARDED_BY(mutex_);
    // The thread's own.
    std::deque<Lane> lanes_;
    Outbox outbox_;
    HoldTable::Due due_;
    bool lingered_ = false;  // it has waited for a tick since the last answer
};

}  // namespace leaselock::detail

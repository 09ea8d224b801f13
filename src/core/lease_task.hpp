// What is done for the leases of a manager without their holders, as a task of the engine: renews
// what is held, reads the answers to releases that nobody waits for, and repeats those that are
// owed. All renewals that are due leave in one write for each backend; each is dealt with when it
// is answered, whatever the others are at. It runs no user code and waits for no store. Started at
// the first acquire.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <atomic>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <stop_token>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/origin.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/detail/word.hpp>
#include <leaselock/observer.hpp>

#include "core/answers.hpp"
#include "core/cleanup.hpp"
#include "core/hold_table.hpp"
#include "core/lease.hpp"
#include "core/notifier.hpp"
#include "core/outbox.hpp"
#include "engine/timed_task.hpp"

namespace leaselock::detail {

class LeaseTask final : private engine::TimedTask {
  public:
    LeaseTask(Clock& clock, Notifier& notifier) noexcept
        : TimedTask{clock}, clock_{clock}, notifier_{notifier} {}
    LeaseTask(const LeaseTask&) = delete;
    LeaseTask& operator=(const LeaseTask&) = delete;
    ~LeaseTask() override = default;

    // Throws LockError{no_thread}, and bad_alloc. After end() it does nothing.
    void start();
    // All that is held is lost; releases that are owed are delivered until `deadline`, and given up
    // then. Blocks until that is done.
    void end(Clock::time_point deadline) noexcept;

    [[nodiscard]] HoldTable& table() noexcept { return table_; }
    [[nodiscard]] Cleanup& cleanup() noexcept { return cleanup_; }
    // Submits the release that the lease owes, and sees to its answer. Does not wait, but after
    // end() for the answer, until that deadline.
    void post(LeasePtr lease) noexcept;
    // What the first answer to a release shows: a loss that nobody knew of.
    void first_answer(Lease& lease, const Reply& reply) noexcept;
    // Takes over a lease whose release was tried and has to be repeated.
    void take_over(LeasePtr lease, Errc error) noexcept;

    // The answer to a renewal that the holder asked for.
    HoldMachine::Verdict extended(Lease& lease, const Operation& renewal) noexcept;

  private:
    struct Lane;
    // NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): never deleted as a Completion
    struct SentRenewal final : Answers::Item, Completion {
        SentRenewal(Answers& whose, Lane& its) noexcept : answers{whose}, lane{its} {}
        void completed(Operation& /*operation*/) noexcept override { answers.add(*this); }

        Answers& answers;
        Lane& lane;
        Lease* lease = nullptr;
        std::optional<Operation> operation{};
        std::list<SentRenewal>::iterator self{};
    };
    struct Waiting {
        Lease* lease;
        std::chrono::milliseconds ttl;
    };
    // One for each backend that was met.
    struct Lane {
        Backend* backend;
        std::list<SentRenewal> renewals{};  // under way, or answered and not dealt with
        std::list<SentRenewal> spare{};     // to be used again; none while nothing is under way
        // Due, and not sent yet: the nearest deadline first, but in any order within a few
        // milliseconds.
        std::map<Clock::rep, std::vector<Waiting>> waiting{};
    };

    enum class Phase { running, delivering, cancelling, over };

    Clock::time_point work() noexcept override;
    // What was answered is dealt with, and what is due is sent. Answers when the next is due.
    [[nodiscard]] Clock::time_point round(Clock::time_point now) noexcept;
    // Whether there was one to a release.
    [[nodiscard]] bool take_answers(Clock::time_point now) noexcept;
    void hold(Clock::time_point now) noexcept;
    void collect(Clock::time_point now) noexcept;
    void collected(Clock::time_point now) noexcept;
    [[nodiscard]] Clock::time_point linger(Clock::time_point now, bool had_answers) noexcept;
    // One after the other, at its end.
    void lose_all(Clock::time_point now) noexcept;
    [[nodiscard]] Clock::time_point deliver_all(Clock::time_point now) noexcept;
    [[nodiscard]] Clock::time_point await_cancelled(Clock::time_point now) noexcept;
    void cancel_all() noexcept;
    [[nodiscard]] bool is_under_way() noexcept;
    void give_up_cleanup() noexcept;

    void deliver(Lease& lease) noexcept;
    // Until when a release waits for its answer that comes after end().
    [[nodiscard]] Clock::time_point last_wait() const noexcept;
    static void forget(const SentRenewal& renewal) noexcept;
    void done(SentRenewal& renewal) noexcept;
    void queue(const HoldTable::Renewal& due, Clock::time_point now) noexcept;
    void fill(Lane& lane, Clock::time_point now) noexcept;
    static void empty(Lane& lane) noexcept;
    void renew(Lane& lane, const Waiting& due, Clock::time_point now) noexcept;
    void not_sent(Lease& lease, const Request& request, Errc error, Clock::time_point now) noexcept;
    void send_release(Lease& lease, Clock::time_point now) noexcept;
    void judge(Lease& lease, Operation& renewal, Clock::time_point now) noexcept;
    [[nodiscard]] Lane& lane_of(Backend& backend);
    void tell_lost(Lease& lease, Errc error, Clock::time_point now) noexcept;
    void settled(const Lease& lease, Clock::time_point now) noexcept;

    const Origin origin_{};
    Clock& clock_;
    Notifier& notifier_;
    HoldTable table_{*this};
    Cleanup cleanup_;
    Answers renewed_{*this};
    Answers released_{*this};
    Mutex mutex_;  // start() against end()
    std::atomic<bool> stopping_{false};
    std::atomic<Clock::rep> stop_by_{0};
    std::stop_source stopped_{};
    Word over_;

    // The engine's thread's own.
    Phase phase_ = Phase::running;
    std::deque<Lane> lanes_;
    Outbox outbox_;
    HoldTable::Due due_;
    bool lingered_ = false;  // it has waited for a tick since the last answer
};

}  // namespace leaselock::detail

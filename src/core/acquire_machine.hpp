// One acquisition as a pure state machine: replies, the time and a stop go in, the next step comes
// out. It does no I/O, knows no clock and no thread, so a blocking call, a coroutine and a
// simulated world can drive the same one.
//
// What it decides: how long to wait and when to poll again, which failures are worth another try,
// which messages of a hand-off to believe, and whether the token owes a release in the end. A
// command that may have run is treated as if it had: the retry goes out with the same token (the
// backend answers a grant of it with the same fence). Once it is done the token is never sent in an
// acquire again.
//
// A message may be late, and the lock gone again. Fences decide: it is believed if its own is above
// the one in the newest answered poll, since the lock was handed over after that poll then; and it
// is believed from the sending of that poll on, before which the hand-off cannot have been.
// No clock but the caller's takes part.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>

#include "base/jitter.hpp"
#include "core/hold_machine.hpp"

namespace leaselock::detail {

// How long a call may go on after its deadline for one poll: long enough for a round trip to
// anywhere, so that a slow answer is not an unknown outcome.
inline constexpr std::chrono::milliseconds grace{250};
// How long a queue entry lives without another poll, and how long a pause between two polls may be
// for it: two of them may be lost.
inline constexpr std::chrono::milliseconds entry_life{3000};
inline constexpr std::chrono::milliseconds longest_pause = entry_life / 3;

class AcquireMachine {
  public:
    struct Plan {
        std::chrono::milliseconds ttl;
        bool wait;
        Clock::time_point deadline;  // of the wait; max() is for ever
        std::chrono::milliseconds retry_delay;
        std::uint32_t seed;     // of the jitter
        bool prolongs = false;  // a hand-off, which is short, must become a whole lease at once
        std::chrono::milliseconds min_hold{0};
    };
    enum class Decision : std::uint8_t { acquire, sleep, done };
    // What to do now, and until when at the latest.
    struct Action {
        Decision decision;
        bool queues = false;  // acquire: make or keep a queue entry
        Clock::time_point until{};
    };

    explicit AcquireMachine(const Plan& plan) noexcept : plan_{plan}, jitter_{plan.seed} {}

    [[nodiscard]] const Plan& plan() const noexcept { return plan_; }
    [[nodiscard]] Action start(Clock::time_point now) noexcept { return poll(now); }
    // The answer to an acquire that was submitted at `sent`.
    [[nodiscard]] Action replied(const Reply& reply, Clock::time_point sent,
                                 Clock::time_point now) noexcept;
    // What held the lock is out of the way: that answer counts for its queue alone.
    [[nodiscard]] Action poll_again(const Reply& reply, Clock::time_point sent,
                                    Clock::time_point now) noexcept;
    // The lock was handed over to the token. Counts in the next woke() or replied().
    void handed_over(const HandOff& what) noexcept;
    // The sleep is over: by its time, by a message, or since a poll is due.
    [[nodiscard]] Action woke(Clock::time_point now) noexcept;
    // The sleep is over: by the caller's stop token.
    [[nodiscard]] Action stop() noexcept { return give_up(Errc::cancelled); }

    // At `done`: the grant; or none, and why, and whether the token may have something at the
    // store: the lock, by an acquire that ran unseen or by a hand-off, or an entry.
    [[nodiscard]] const std::optional<Grant>& grant() const noexcept { return grant_; }
    [[nodiscard]] Errc error() const noexcept { return error_; }
    // Whether the grant is that of a hand-off's message; a retry may get a higher fence.
    [[nodiscard]] bool was_handed_over() const noexcept {
        return grant_ && told_fence_ != 0 && grant_->fencing_token >= told_fence_;
    }
    [[nodiscard]] bool owes() const noexcept { return owes_; }
    // Whether an acquire may have run whose answer was missed, or may still run.
    [[nodiscard]] bool unseen() const noexcept { return unseen_; }

  private:
    // The newest answered poll that had a fence and a queue entry.
    struct Answered {
        std::uint64_t fencing_token = 0;  // 0: there is none
        Clock::time_point sent{};
    };

    [[nodiscard]] Action poll(Clock::time_point now) const noexcept;
    [[nodiscard]] Action granted(const Reply& reply, Clock::time_point sent,
                                 Clock::time_point now) noexcept;
    void note(const Reply& reply, Clock::time_point sent) noexcept;
    [[nodiscard]] bool believes(const HandOff& what, Clock::time_point now) const noexcept;
    [[nodiscard]] Action believe(const HandOff& what, Clock::time_point now) noexcept;
    [[nodiscard]] Action contended(const Reply& reply, Clock::time_point now) noexcept;
    [[nodiscard]] std::chrono::milliseconds pause(const Reply& reply) noexcept;
    [[nodiscard]] Action failed(Errc error, bool in_part, Clock::time_point now) noexcept;
    [[nodiscard]] Action give_up(Errc error) noexcept;
    [[nodiscard]] Action nap(std::chrono::milliseconds length,
                             Clock::time_point now) const noexcept;
    [[nodiscard]] static Action done() noexcept { return {.decision = Decision::done}; }

    Plan plan_;
    Jitter jitter_;
    int failures_ = 0;   // in a row
    bool owes_ = false;  // the token may have the lock unseen, or an entry
    bool unseen_ = false;
    Answered answered_{};
    std::optional<HandOff> message_{};
    std::uint64_t told_fence_ = 0;  // by the newest message
    std::optional<Grant> grant_{};
    Errc error_ = Errc::held;
};

}  // namespace leaselock::detail

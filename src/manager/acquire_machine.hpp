// One acquisition as a pure state machine: replies, the time and a stop go in, the next step comes
// out. It does no I/O, knows no clock and no thread, so a blocking call, a coroutine and a
// simulated world can drive the same one.
//
// What it decides: how long to wait and when to look again, which failures are worth another try,
// and whether the token owes a release in the end. A command that may have run is treated as if it
// had: the retry goes out with the same token (the backend answers a grant of it with the same
// fence). Once it is done the token is never sent in an acquire again.
#pragma once

#include <chrono>
#include <cstdint>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>

#include "manager/jitter.hpp"

namespace leaselock::detail {

// How long a call that has a deadline may go on behind it for one look: long enough for a round
// trip to anywhere, so that a slow answer is not an unknown outcome.
inline constexpr std::chrono::milliseconds grace{250};

class AcquireMachine {
  public:
    struct Plan {
        std::chrono::milliseconds ttl;
        bool wait;
        Clock::time_point deadline;  // of the wait; max() is for ever
        std::chrono::milliseconds retry_delay;
        std::uint32_t seed;  // of the jitter
    };
    enum class Step { acquire, sleep, done };
    // What to do now, and until when at the latest.
    struct Action {
        Step step;
        Clock::time_point until;
    };

    explicit AcquireMachine(const Plan& plan) noexcept : plan_{plan}, jitter_{plan.seed} {}

    [[nodiscard]] Action start(Clock::time_point now) noexcept { return look(now); }
    // The answer to an acquire that was submitted at `sent`.
    [[nodiscard]] Action replied(const Reply& reply, Clock::time_point sent,
                                 Clock::time_point now) noexcept;
    // The sleep is over. `stopped`: by the caller's stop token.
    [[nodiscard]] Action woke(Clock::time_point now, bool stopped) noexcept;
    // What held the lock is out of the way: the answer to the last look does not count.
    [[nodiscard]] Action look_again(Clock::time_point now) const noexcept { return look(now); }

    // At `done`: whether the lock is held, and if not, why, and whether an acquire may have run.
    [[nodiscard]] bool granted() const noexcept { return granted_; }
    [[nodiscard]] Errc error() const noexcept { return error_; }
    [[nodiscard]] bool owes() const noexcept { return owes_; }

  private:
    [[nodiscard]] Action look(Clock::time_point now) const noexcept;
    [[nodiscard]] Action contended(const Reply& reply, Clock::time_point now) noexcept;
    [[nodiscard]] Action failed(Errc error, bool in_part, Clock::time_point now) noexcept;
    [[nodiscard]] Action give_up(Errc error) noexcept;
    [[nodiscard]] Action nap(std::chrono::milliseconds length,
                             Clock::time_point now) const noexcept;
    [[nodiscard]] static Action done() noexcept { return {Step::done, {}}; }

    Plan plan_;
    Jitter jitter_;
    int failures_ = 0;   // in a row
    bool owes_ = false;  // an acquire of this token may have run unseen
    bool granted_ = false;
    Errc error_ = Errc::held;
};

}  // namespace leaselock::detail

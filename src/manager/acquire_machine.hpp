// One acquisition as a pure state machine: replies, the time and a stop go in, the next step comes
// out. It does no I/O, knows no clock and no thread, so a blocking call, a coroutine and a
// simulated world can drive the same one.
//
// What it decides: how long to wait and when to look again, which failures are worth another try,
// and when a token owes a release. A command that may have run is treated as if it had: the retry
// goes out with the same token (the backend answers a grant of it with the same fence), and once a
// release was asked for, the token is never sent in an acquire again.
#pragma once

#include <chrono>
#include <cstdint>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>

namespace leaselock::detail {

// How long a call that has a deadline may go on behind it, for one look, and for one release: long
// enough for a round trip to anywhere, so that a slow answer is not an unknown outcome.
inline constexpr std::chrono::milliseconds grace{250};

// How much of a lease its holder does not count on: clocks that run apart, and rounding.
[[nodiscard]] constexpr std::chrono::nanoseconds safety_margin(
    std::chrono::milliseconds ttl) noexcept {
    return std::chrono::nanoseconds{ttl} / 100 + std::chrono::milliseconds{2};
}

class AcquireMachine {
  public:
    struct Plan {
        std::chrono::milliseconds ttl;
        bool wait;
        Clock::time_point deadline;  // of the wait; max() is for ever
        std::chrono::milliseconds retry_delay;
        std::uint32_t seed;  // of the jitter
    };
    enum class Step { acquire, release, sleep, done };
    // What to do now, and until when at the latest.
    struct Action {
        Step step;
        Clock::time_point until;
    };

    explicit AcquireMachine(const Plan& plan) noexcept : plan_{plan}, random_{plan.seed | 1U} {}

    [[nodiscard]] Action start(Clock::time_point now) noexcept { return look(now); }
    // The answer to an acquire that was submitted at `sent`.
    [[nodiscard]] Action replied(const Reply& reply, Clock::time_point sent,
                                 Clock::time_point now) noexcept;
    // The sleep is over. `stopped`: by the caller's stop token.
    [[nodiscard]] Action woke(Clock::time_point now, bool stopped) noexcept;
    // The answer to the release has come, or did not come.
    [[nodiscard]] Action released() noexcept { return done(); }

    // At `done`: whether the lock is held, and if not, why.
    [[nodiscard]] bool granted() const noexcept { return granted_; }
    [[nodiscard]] Errc error() const noexcept { return error_; }

  private:
    [[nodiscard]] Action look(Clock::time_point now) const noexcept;
    [[nodiscard]] Action contended(const Reply& reply, Clock::time_point now) noexcept;
    [[nodiscard]] Action failed(Errc error, Clock::time_point now) noexcept;
    [[nodiscard]] Action give_up(Errc error, Clock::time_point now) noexcept;
    [[nodiscard]] Action nap(std::chrono::milliseconds length,
                             Clock::time_point now) const noexcept;
    [[nodiscard]] static Action done() noexcept { return {Step::done, {}}; }
    // From 3/4 of `d` to 5/4 of it, so that waiters do not march in step.
    [[nodiscard]] std::chrono::milliseconds jittered(std::chrono::milliseconds d) noexcept;

    Plan plan_;
    std::uint32_t random_;
    int failures_ = 0;   // in a row
    bool owes_ = false;  // an acquire of this token may have run unseen
    bool granted_ = false;
    Errc error_ = Errc::held;
};

}  // namespace leaselock::detail

// One held lock as a pure state machine: time and replies go in; when to renew, what to believe and
// when it is lost come out. It does no I/O and knows no clock and no thread.
//
// What it decides: a lease is renewed at a third of its ttl, and tried again with jitter until its
// deadline when that fails. Only a renewal that was answered by yes before the deadline moves it,
// counted from before that renewal was sent; a no is a loss at once; anything else proves nothing.
// max_hold caps the deadline. What is lost stays lost. A lock that was handed over is granted for a
// short time: then all of this goes by that, and the first renewal makes it a whole lease. So it is
// with a store that grants less than was asked, at each renewal.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>

#include "base/jitter.hpp"

namespace leaselock::detail {

// How much of a lease its holder does not count on: clocks that run apart, and rounding.
[[nodiscard]] constexpr std::chrono::nanoseconds safety_margin(
    std::chrono::milliseconds ttl) noexcept {
    return std::chrono::nanoseconds{ttl} / 100 + std::chrono::milliseconds{2};
}

// For how long a yes to a request for `asked` may be counted on: the store may have said less.
[[nodiscard]] constexpr std::chrono::milliseconds granted_for(
    const Reply& reply, std::chrono::milliseconds asked) noexcept {
    return reply.ttl.count() == 0 ? asked : std::min(reply.ttl, asked);
}

// By what a lock was lost that `reply`, to a renewal or release, says is not ours.
[[nodiscard]] constexpr Errc reason_of_loss(const Reply& reply) noexcept {
    const bool is_session = reply.outcome == Outcome::lost && reply.error == Errc::session_expired;
    return is_session ? Errc::session_expired : Errc::lost;
}

// What a lock was granted by.
struct Grant {
    std::uint64_t fencing_token = 0;
    std::chrono::milliseconds ttl{0};  // may be less than the call's: of a hand-off, or a store
    Clock::time_point sent{};          // the lease counts from then,
    Clock::time_point since{};         // min_hold and max_hold from when it was believed
    bool unqueued = false;             // its token has no queue entry, and no acquire under way
};

class HoldMachine {
  public:
    struct Plan {
        std::chrono::milliseconds ttl{0};
        bool renews = true;
        Clock::time_point limit = Clock::time_point::max();  // max_hold ends then
        std::uint32_t seed = 1;
    };
    enum class Duty : std::uint8_t { none, renew, lose };
    // What a reply to a renewal came to: still held by the old deadline is `unknown`.
    enum class Verdict : std::uint8_t { renewed, unknown, lost };

    HoldMachine() = default;
    // Granted for `term` from `sent` on.
    HoldMachine(const Plan& plan, Clock::time_point sent, std::chrono::milliseconds term) noexcept;

    // Believed until then.
    [[nodiscard]] Clock::time_point deadline() const noexcept { return deadline_; }
    [[nodiscard]] std::chrono::milliseconds ttl() const noexcept { return ttl_; }
    // When next_duty() has something to do; a renewal that follows a grant or an answer may come a
    // little before that, from `earliest` on.
    [[nodiscard]] Clock::time_point due() const noexcept { return due_; }
    [[nodiscard]] Clock::time_point earliest() const noexcept {
        return may_be_early_ ? due_ - std::chrono::nanoseconds{term_} / 32 : due_;
    }
    // What to do now. After `renew` there is nothing to do until replied(), or until half of what
    // is left of the lease is over: then the answer is late, and it is to be renewed by another
    // way.
    [[nodiscard]] Duty next_duty(Clock::time_point now) noexcept;
    // There is reason to doubt that it is ours: it is renewed now, if it is renewed at all.
    void hurry(Clock::time_point now) noexcept {
        if (renews_) due_ = std::min(due_, now);
    }
    // The answer to a renewal for `ttl` that was submitted at `sent`.
    Verdict replied(const Reply& reply, Clock::time_point sent, std::chrono::milliseconds ttl,
                    Clock::time_point now) noexcept;

    // The user asks for another ttl. Shorter than what is left is done by this alone: nothing at
    // the store is ever shortened. False: the store has to be asked, and extended() gets its
    // answer.
    [[nodiscard]] bool shorten(std::chrono::milliseconds ttl, Clock::time_point now) noexcept;
    Verdict extended(const Reply& reply, Clock::time_point sent, std::chrono::milliseconds ttl,
                     Clock::time_point now) noexcept;

  private:
    [[nodiscard]] Clock::time_point end_of(Clock::time_point sent,
                                           std::chrono::milliseconds ttl) const noexcept;
    void plan_renewal(Clock::time_point from) noexcept;
    void prolong(std::chrono::milliseconds term, Clock::time_point sent) noexcept;
    [[nodiscard]] Verdict judge(const Reply& reply, Clock::time_point now) const noexcept;

    // A ttl is a day at most.
    using ShortTime = std::chrono::duration<std::int32_t, std::milli>;

    [[nodiscard]] static constexpr ShortTime short_time(std::chrono::milliseconds time) noexcept {
        return std::chrono::duration_cast<ShortTime>(time);
    }

    ShortTime ttl_{0};
    ShortTime term_{0};  // by which the deadline was set last
    Clock::time_point deadline_{};
    Clock::time_point due_ = Clock::time_point::max();
    Clock::time_point limit_ = Clock::time_point::max();
    Jitter jitter_{};
    bool renews_ = true;
    bool may_be_early_ = false;  // what is due
};

}  // namespace leaselock::detail

#include "core/hold_machine.hpp"

#include <algorithm>

namespace leaselock::detail {

using std::chrono::milliseconds;

namespace {

// Between a renewal that is not answered and the next.
constexpr milliseconds shortest_pause{10};

}  // namespace

HoldMachine::HoldMachine(const Plan& plan, Clock::time_point sent, milliseconds term) noexcept
    : ttl_{short_time(plan.ttl)},
      term_{short_time(term)},
      limit_{plan.limit},
      jitter_{plan.seed},
      renews_{plan.renews} {
    deadline_ = end_of(sent, term);
    plan_renewal(sent);
}

Clock::time_point HoldMachine::end_of(Clock::time_point sent, milliseconds ttl) const noexcept {
    return std::min(sent + ttl - safety_margin(ttl), limit_);
}

// A renewal that could not prolong anything is none.
void HoldMachine::plan_renewal(Clock::time_point from) noexcept {
    const Clock::time_point third = from + std::chrono::nanoseconds{term_} / 3;
    may_be_early_ = renews_ && deadline_ < limit_ && third < deadline_;
    due_ = may_be_early_ ? third : deadline_;
}

// A term that ends before the lease does is none to plan by.
void HoldMachine::prolong(milliseconds term, Clock::time_point sent) noexcept {
    const Clock::time_point end = end_of(sent, term);
    if (end > deadline_) {
        term_ = short_time(term);
        deadline_ = end;
    }
    plan_renewal(sent);
}

HoldMachine::Duty HoldMachine::next_duty(Clock::time_point now) noexcept {
    if (now >= deadline_) return Duty::lose;
    if (now < earliest()) return Duty::none;
    may_be_early_ = false;
    const auto half = (deadline_ - now) / 2;
    due_ = half < shortest_pause ? deadline_ : now + half;
    return Duty::renew;
}

HoldMachine::Verdict HoldMachine::judge(const Reply& reply, Clock::time_point now) const noexcept {
    // Something else under the key is as good as a no.
    if (now >= deadline_ || reply.outcome == Outcome::lost || reply.error == Errc::corrupt) {
        return Verdict::lost;
    }
    return reply.outcome == Outcome::renewed ? Verdict::renewed : Verdict::unknown;
}

HoldMachine::Verdict HoldMachine::replied(const Reply& reply, Clock::time_point sent,
                                          milliseconds ttl, Clock::time_point now) noexcept {
    const Verdict verdict = judge(reply, now);
    if (verdict == Verdict::renewed) {
        // The user may have asked for less meanwhile.
        prolong(std::min(granted_for(reply, ttl), this->ttl()), sent);
    } else if (verdict == Verdict::unknown) {
        const milliseconds pause =
            std::clamp(milliseconds{term_} / 12, milliseconds{1}, milliseconds{1000});
        due_ = std::min(now + jitter_(pause), deadline_);
        may_be_early_ = false;
    }
    return verdict;
}

bool HoldMachine::shorten(milliseconds ttl, Clock::time_point now) noexcept {
    const Clock::time_point end = end_of(now, ttl);
    if (end > deadline_) return false;
    ttl_ = term_ = short_time(ttl);
    deadline_ = end;
    plan_renewal(now);
    return true;
}

HoldMachine::Verdict HoldMachine::extended(const Reply& reply, Clock::time_point sent,
                                           milliseconds ttl, Clock::time_point now) noexcept {
    const Verdict verdict = judge(reply, now);
    if (verdict == Verdict::renewed) {
        ttl_ = short_time(ttl);
        prolong(granted_for(reply, ttl), sent);
    }
    return verdict;
}

}  // namespace leaselock::detail

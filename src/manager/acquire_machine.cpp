#include "manager/acquire_machine.hpp"

#include <algorithm>

#include "manager/hold_machine.hpp"

namespace leaselock::detail {
namespace {

constexpr std::chrono::milliseconds first_backoff{50};
constexpr std::chrono::milliseconds longest_backoff{500};

// Worth another try at once, waiting or not: a stale command did nothing and its answer brought the
// server's time, and a broken connection is replaced by the next command.
bool curable(Errc error) noexcept { return error == Errc::stale || error == Errc::connection_lost; }

}  // namespace

AcquireMachine::Action AcquireMachine::replied(const Reply& reply, Clock::time_point sent,
                                               Clock::time_point now) noexcept {
    switch (reply.outcome) {
        case Outcome::granted:
            if (now >= sent + plan_.ttl - safety_margin(plan_.ttl)) {
                owes_ = true;
                return give_up(Errc::granted_too_late);
            }
            granted_ = true;
            return done();
        case Outcome::held: return contended(reply, now);
        case Outcome::failed: return failed(reply.error, reply.in_part, now);
        default: return failed(Errc::unexpected_reply, true, now);
    }
}

AcquireMachine::Action AcquireMachine::woke(Clock::time_point now, bool stopped) noexcept {
    return stopped ? give_up(Errc::cancelled) : look(now);
}

// A call without a deadline of its own leaves each command to the backend's time-out.
AcquireMachine::Action AcquireMachine::look(Clock::time_point now) const noexcept {
    if (!plan_.wait) return {Step::acquire, Clock::time_point::max()};
    return {Step::acquire, saturating_add(std::max(plan_.deadline, now), grace)};
}

AcquireMachine::Action AcquireMachine::contended(const Reply& reply,
                                                 Clock::time_point now) noexcept {
    failures_ = 0;
    if (!plan_.wait) return give_up(Errc::held);
    if (now >= plan_.deadline) return give_up(Errc::wait_timed_out);
    // A lease that is about to end is looked at then.
    const auto pause = jitter_(plan_.retry_delay);
    return nap(std::min(pause, std::max(reply.remaining, std::chrono::milliseconds{1})), now);
}

AcquireMachine::Action AcquireMachine::failed(Errc error, bool in_part,
                                              Clock::time_point now) noexcept {
    owes_ = owes_ || family(error) == Family::unknown || in_part;
    ++failures_;
    if (family(error) == Family::refused) return give_up(error);
    if (failures_ == 1 && curable(error)) return look(now);
    if (!plan_.wait || now >= plan_.deadline) return give_up(error);
    return nap(jitter_(doubled(first_backoff, failures_, longest_backoff)), now);
}

AcquireMachine::Action AcquireMachine::give_up(Errc error) noexcept {
    error_ = error;
    return done();
}

AcquireMachine::Action AcquireMachine::nap(std::chrono::milliseconds length,
                                           Clock::time_point now) const noexcept {
    return {Step::sleep, std::min(saturating_add(now, length), plan_.deadline)};
}

}  // namespace leaselock::detail

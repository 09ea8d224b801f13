#include "core/acquire_machine.hpp"

#include <algorithm>
#include <utility>

namespace leaselock::detail {
namespace {

constexpr std::chrono::milliseconds first_backoff{50};
constexpr std::chrono::milliseconds longest_backoff{500};
// Between the polls of waiters that are notified and need not watch the holder: with its jitter
// below the longest.
constexpr std::chrono::milliseconds patient_pause = longest_pause * 4 / 5;

// Worth another try at once, waiting or not: a stale command did nothing and its answer brought the
// server's time, and a broken connection is replaced by the next command.
bool curable(Errc error) noexcept { return error == Errc::stale || error == Errc::connection_lost; }

}  // namespace

AcquireMachine::Action AcquireMachine::replied(const Reply& reply, Clock::time_point sent,
                                               Clock::time_point now) noexcept {
    switch (reply.outcome) {
        case Outcome::granted: return granted(reply, sent, now);
        case Outcome::held: note(reply, sent); return message_ ? woke(now) : contended(reply, now);
        default: break;
    }
    const bool is_error = reply.outcome == Outcome::failed;
    unseen_ = unseen_ || !is_error || family(reply.error) == Family::unknown || reply.in_part;
    if (message_ && believes(*message_, now)) return woke(now);
    if (is_error) return failed(reply.error, reply.in_part, now);
    return failed(Errc::unexpected_reply, true, now);
}

AcquireMachine::Action AcquireMachine::granted(const Reply& reply, Clock::time_point sent,
                                               Clock::time_point now) noexcept {
    const std::chrono::milliseconds term = granted_for(reply, plan_.ttl);
    if (now >= sent + term - safety_margin(term)) {
        owes_ = true;
        return give_up(Errc::granted_too_late);
    }
    grant_ = {reply.fencing_token, term, sent, sent, !owes_ && !unseen_};
    return done();
}

AcquireMachine::Action AcquireMachine::poll_again(const Reply& reply, Clock::time_point sent,
                                                  Clock::time_point now) noexcept {
    note(reply, sent);
    return poll(now);
}

void AcquireMachine::note(const Reply& reply, Clock::time_point sent) noexcept {
    owes_ = owes_ || reply.queued;
    answered_ = reply.queued ? Answered{reply.fencing_token, sent} : Answered{};
}

void AcquireMachine::handed_over(const HandOff& what) noexcept {
    if (!message_ || message_->fencing_token < what.fencing_token) message_ = what;
    told_fence_ = std::max(told_fence_, what.fencing_token);
}

AcquireMachine::Action AcquireMachine::woke(Clock::time_point now) noexcept {
    const auto message = std::exchange(message_, std::nullopt);
    return message && believes(*message, now) ? believe(*message, now) : poll(now);
}

// With little left, or where it must be prolonged at once, the lock is rather acquired once more:
// the store answers with the same fence, and a whole lease.
bool AcquireMachine::believes(const HandOff& what, Clock::time_point now) const noexcept {
    return answered_.fencing_token != 0 && what.fencing_token > answered_.fencing_token &&
           !plan_.prolongs && now < answered_.sent + what.ttl / 2;
}

AcquireMachine::Action AcquireMachine::believe(const HandOff& what,
                                               Clock::time_point now) noexcept {
    grant_ = {what.fencing_token, what.ttl, answered_.sent, now, false};
    return done();
}

// A call without a deadline of its own leaves each command to the backend's time-out. The last poll
// takes no entry that would have to be left again.
AcquireMachine::Action AcquireMachine::poll(Clock::time_point now) const noexcept {
    if (!plan_.wait) return {.decision = Decision::acquire, .until = Clock::time_point::max()};
    return {.decision = Decision::acquire,
            .queues = owes_ || now < plan_.deadline,
            .until = saturating_add(std::max(plan_.deadline, now), grace)};
}

AcquireMachine::Action AcquireMachine::contended(const Reply& reply,
                                                 Clock::time_point now) noexcept {
    failures_ = 0;
    if (!plan_.wait) return give_up(Errc::held);
    if (now >= plan_.deadline) return give_up(Errc::wait_timed_out);
    return nap(pause(reply), now);
}

// A lease that is about to end is looked at then. Where nobody holds the lock it is somebody else's
// turn, and nothing is to be seen sooner than that.
std::chrono::milliseconds AcquireMachine::pause(const Reply& reply) noexcept {
    const bool awaits_end = reply.first && !reply.deaths_told;
    const bool patient = reply.queued && reply.told && !awaits_end;
    auto pause = jitter_(patient ? patient_pause : plan_.retry_delay);
    if (reply.queued) pause = std::min(pause, longest_pause);
    if (reply.holder.empty() && reply.remaining.count() == 0) return pause;
    return std::min(pause, std::max(reply.remaining, std::chrono::milliseconds{1}));
}

AcquireMachine::Action AcquireMachine::failed(Errc error, bool in_part,
                                              Clock::time_point now) noexcept {
    owes_ = owes_ || family(error) == Family::unknown || in_part;
    ++failures_;
    if (family(error) == Family::refused) return give_up(error);
    if (failures_ == 1 && curable(error)) return poll(now);
    if (!plan_.wait || now >= plan_.deadline) return give_up(error);
    return nap(jitter_(doubled(first_backoff, failures_, longest_backoff)), now);
}

AcquireMachine::Action AcquireMachine::give_up(Errc error) noexcept {
    error_ = error;
    return done();
}

AcquireMachine::Action AcquireMachine::nap(std::chrono::milliseconds length,
                                           Clock::time_point now) const noexcept {
    return {.decision = Decision::sleep,
            .until = std::min(saturating_add(now, length), plan_.deadline)};
}

}  // namespace leaselock::detail

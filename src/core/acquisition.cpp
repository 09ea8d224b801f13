#include "core/acquisition.hpp"

#include <utility>

namespace leaselock::detail {

void Acquisition::end() noexcept {
    Waiter* const waiter = std::exchange(waiter_, nullptr);
    if (waiter == nullptr) return;
    queue_.leave(*waiter);
    if (std::exchange(known_, false)) lease_.backend().forget(*waiter);
}

// Those that want shares may have them at the same time, so each has a queue entry of its own.
bool Acquisition::in_line() const noexcept { return lease_.claim().is_exclusive(); }

// If others of this manager wait, it does not poll before it is its turn.
Acquisition::Next Acquisition::start(Clock::time_point now) noexcept {
    const Clock::time_point deadline = machine_.plan().deadline;
    if (waiter_ != nullptr && in_line() && now < deadline && stands_behind_others()) {
        return {Instruction::sleep, deadline};
    }
    return next(machine_.start(now), now);
}

// Many tasks begin before the first of them is answered, and would all get an entry at the store.
bool Acquisition::stands_behind_others() noexcept {
    if (begins_ == Begins::in_line) return !queue_.contend(*waiter_, true);
    return queue_.busy() && queue_.join(*waiter_);
}

// A token that may have a queue entry at the store, or the lock unseen, is polled for
// whichever waiter contends: no other can take what is its turn.
bool Acquisition::polls() noexcept {
    if (!in_line()) return true;
    const bool contends = queue_.contend(*waiter_, told_);
    return contends || machine_.owes();
}

Acquisition::Next Acquisition::next(const Action& action, Clock::time_point now) noexcept {
    switch (action.decision) {
        case AcquireMachine::Decision::acquire: poll(action, now); return {Instruction::submit};
        case AcquireMachine::Decision::sleep:
            if (polls()) return {Instruction::sleep, action.until, told_};
            return {Instruction::sleep, machine_.plan().deadline};
        case AcquireMachine::Decision::done: break;
    }
    return {Instruction::done};
}

void Acquisition::poll(const Action& how, Clock::time_point now) noexcept {
    let_go_before_ = cleanup_.let_go();
    known_ = known_ || how.queues;
    poll_.emplace(Request{.verb = Verb::acquire,
                          .key = lease_.full_key(),
                          .prefix = lease_.prefix_bytes(),
                          .token = lease_.token(),
                          .ttl = machine_.plan().ttl,
                          .min_hold = machine_.plan().min_hold,
                          .claim = lease_.claim(),
                          .listener = how.queues ? waiter_ : nullptr,
                          .entry_life = entry_life,
                          .submitted = now,
                          .deadline = how.until});
}

void Acquisition::pass_message_on() noexcept {
    if (const auto message = waiter_->take_message()) machine_.handed_over(*message);
}

Acquisition::Next Acquisition::woke(Clock::time_point now) noexcept {
    pass_message_on();
    return next(machine_.woke(now), now);
}

// What was granted is granted, and what was refused says why.
Acquisition::Next Acquisition::stop_after(const Next& answered) noexcept {
    if (machine_.grant()) return answered;
    const Family its = family(machine_.error());
    const bool is_open = answered.instruction != Instruction::done || its == Family::unknown ||
                         its == Family::unavailable;
    return is_open ? stop() : answered;
}

Acquisition::Next Acquisition::answered(Clock::time_point now) {
    if (clearing_) {
        const bool out_of_the_way = clearing_->reply.outcome != Outcome::failed;
        clearing_.reset();
        return judge(out_of_the_way, now);
    }
    const Reply& reply = poll_->reply;
    note_queue(reply);
    if (reply.outcome == Outcome::held) {
        switch (way(reply, now)) {
            case Way::blocked: break;
            case Way::cleared: return judge(true, now);
            case Way::to_clear: return {Instruction::submit};
        }
    } else if (reply.outcome != Outcome::granted && family(reply.error) == Family::unknown) {
        lease_.owe(reply.not_after);
    }
    return judge(false, now);
}

// The answer to the poll, when nothing of our own is in the way any more.
Acquisition::Next Acquisition::judge(bool out_of_the_way, Clock::time_point now) {
    Reply& reply = poll_->reply;
    const Clock::time_point sent = poll_->request.submitted;
    if (out_of_the_way) return next(machine_.poll_again(reply, sent, now), now);
    if (known_) pass_message_on();
    const Action action = machine_.replied(reply, sent, now);
    if (reply.outcome == Outcome::held) {
        failure_.owner = owner_of(reply.holder);
        failure_.remaining = reply.remaining;
    } else {
        failure_.detail = std::move(reply.detail);
    }
    return next(action, now);
}

void Acquisition::note_queue(const Reply& reply) noexcept { told_ = reply.queued && reply.told; }

// A release of our own that is under way, and has not arrived, is no reason to refuse an
// acquire: one that finds it in the way sends it once more. If it is not under way any more, it may
// have arrived after the poll. A queue entry needs none of this: that release hands over to it.
Acquisition::Way Acquisition::way(const Reply& reply, Clock::time_point now) noexcept {
    constexpr int most = 3;
    if (reply.queued || reply.kept || owner_of(reply.holder) != lease_.owner() ||
        cleared_ == most) {
        return Way::blocked;
    }
    const bool under_way = cleanup_.frees(reply.holder, now);
    if (!under_way && cleanup_.let_go() == let_go_before_) return Way::blocked;
    ++cleared_;
    if (!under_way) return Way::cleared;
    clearing_.emplace(Request{.verb = Verb::release,
                              .key = lease_.full_key(),
                              .prefix = lease_.prefix_bytes(),
                              .token = reply.holder,
                              .submitted = now,
                              .deadline = poll_->request.deadline});
    return Way::to_clear;
}

}  // namespace leaselock::detail

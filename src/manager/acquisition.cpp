#include "manager/acquisition.hpp"

#include <utility>

#include "manager/core.hpp"

namespace leaselock::detail {

Acquisition::~Acquisition() {
    if (!waiter_) return;
    core_.local_queue().leave(*waiter_);
    if (known_) lease_.backend().forget(*waiter_);
}

Clock::time_point Acquisition::run(Clock::time_point now) {
    using Step = AcquireMachine::Step;
    for (Action action = start(now); action.step != Step::done;) {
        action = action.step == Step::sleep ? sleep(action.until, now) : look(action, now);
    }
    return now;
}

AcquireMachine::Action Acquisition::start(Clock::time_point now) {
    const AcquireMachine::Plan& plan = machine_.plan();
    if (plan.wait) {
        waiter_.emplace(lease_.backend(), lease_.full_key(), lease_.token());
        LocalQueue& queue = core_.local_queue();
        if (queue.busy() && now < plan.deadline && queue.join(*waiter_)) {
            return {.step = AcquireMachine::Step::sleep, .until = plan.deadline};
        }
    }
    return machine_.start(now);
}

// Whoever does not contend has nothing to look for before it is his turn.
AcquireMachine::Action Acquisition::sleep(Clock::time_point until, Clock::time_point& now) {
    if (!core_.local_queue().contend(*waiter_, told_)) until = machine_.plan().deadline;
    const bool stopped = !waiter_->sleep(core_.clock(), until, stop_);
    now = core_.clock().now();
    if (stopped) return machine_.stop();
    pass_message_on();
    return machine_.woke(now);
}

AcquireMachine::Action Acquisition::look(Action how, Clock::time_point& now) {
    const std::uint64_t let_go_before = core_.keeper().cleanup().let_go();
    Operation operation{{.verb = Verb::acquire,
                         .key = lease_.full_key(),
                         .token = lease_.token(),
                         .ttl = machine_.plan().ttl,
                         .listener = how.queues ? &*waiter_ : nullptr,
                         .place = place_life,
                         .submitted = now,
                         .deadline = how.until}};
    const Clock::time_point sent = now;
    now = core_.run(lease_.backend(), operation);
    Reply& reply = operation.reply;
    if (reply.outcome == Outcome::granted) return machine_.replied(reply, sent, now);

    note(reply, how);
    if (reply.outcome == Outcome::held && clear_way(reply, let_go_before, how.until, now)) {
        return machine_.look_again(reply, sent, now);
    }
    if (how.queues) pass_message_on();
    const Action action = machine_.replied(reply, sent, now);
    if (reply.outcome == Outcome::held) {
        failure_.owner = owner_of(reply.holder);
        failure_.remaining = reply.remaining;
    } else {
        failure_.detail = std::move(reply.detail);
    }
    return action;
}

void Acquisition::note(const Reply& reply, const Action& how) noexcept {
    if (reply.outcome != Outcome::held && family(reply.error) == Family::unknown) {
        lease_.owe(reply.not_after);
    }
    if (!how.queues) return;
    known_ = true;
    told_ = reply.queued && reply.told;
    if (reply.queued && !reply.told) lease_.backend().listen(*waiter_);
}

void Acquisition::pass_message_on() noexcept {
    if (const auto message = waiter_->take_message()) machine_.handed_over(*message);
}

// A release of our own that is under way, and has not arrived, is no reason to send somebody away:
// whoever finds it in the way sends it once more. If it is not under way any more, it may have
// arrived behind the look. True: it may be gone.
bool Acquisition::clear_way(const Reply& reply, std::uint64_t let_go_before,
                            Clock::time_point until, Clock::time_point& now) {
    constexpr int most = 3;
    Cleanup& cleanup = core_.keeper().cleanup();
    if (reply.kept || owner_of(reply.holder) != core_.options().owner || cleared_ == most) {
        return false;
    }
    if (!cleanup.frees(reply.holder, now)) {
        if (cleanup.let_go() == let_go_before) return false;
        ++cleared_;
        return true;
    }
    ++cleared_;
    Operation release{{.verb = Verb::release,
                       .key = lease_.full_key(),
                       .token = reply.holder,
                       .submitted = now,
                       .deadline = until}};
    now = core_.run(lease_.backend(), release);
    return release.reply.outcome != Outcome::failed;
}

}  // namespace leaselock::detail

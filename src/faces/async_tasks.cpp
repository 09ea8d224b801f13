#include "faces/async_tasks.hpp"

#include <new>
#include <utility>

#include "core/conclusion.hpp"
#include "core/reply_check.hpp"
#include "core/runtime.hpp"
#include "core/settings.hpp"

namespace leaselock::detail {

AcquireTask::AcquireTask(std::shared_ptr<Core> core, LeasePtr lease, const LockOptions& options,
                         std::stop_token stop) noexcept
    : Waiter{lease->backend(), lease->full_key(), lease->token()},
      core_{std::move(core)},
      reactor_{core_->runtime().reactor()},
      lease_{std::move(lease)},
      options_{options},
      stop_{std::move(stop)} {}

AcquireTask::~AcquireTask() {
    if (lease_ != nullptr) let_go(std::move(lease_));
}

// The task may be done, and gone, before add() returns, and with it the last but one that knows the
// reactor.
bool AcquireTask::start(Failure& failure) {
    if (!core_->runtime().of_this_process(failure)) return false;
    const std::shared_ptr<Reactor> reactor = reactor_;
    if (!Reactor::start(reactor)) {
        failure.set(Errc::no_thread, "the system gives no thread");
        return false;
    }
    begin_ = core_->clock().now();
    on_stop_.emplace(stop_, Ring{this});
    if (reactor->add(*this)) return true;
    failure.set(Errc::cancelled, {});
    failure.key = lease_->key();
    return false;
}

bool AcquireTask::take(LeasePtr& lease, Failure& failure) {
    if (no_memory_) throw std::bad_alloc{};
    failure = std::move(failure_);
    lease = std::move(lease_);
    return granted_;
}

Reactor::Task::Wait AcquireTask::step(Clock::time_point now, bool give_up) noexcept {
    try {
        const Acquisition::Next next = go_on(now, give_up);
        switch (next.instruction) {
            case Acquisition::Instruction::submit:
                last_ = Last::submitted;
                return {.operation = &acquisition_->operation(), .backend = &lease_->backend()};
            case Acquisition::Instruction::sleep: last_ = Last::slept; return {.until = next.until};
            case Acquisition::Instruction::done: break;
        }
        acquisition_->end();
        granted_ = conclude(lease_, acquisition_->machine(), options_, {begin_, now}, failure_);
    } catch (const std::bad_alloc&) {
        no_memory_ = true;
        acquisition_->end();
        settle_debt(std::move(lease_), acquisition_->machine());
    }
    return {.done = true};
}

Acquisition::Next AcquireTask::go_on(Clock::time_point now, bool give_up) {
    const bool over = give_up || stop_.stop_requested();
    switch (last_) {
        case Last::nothing: {
            const AcquireMachine::Plan how =
                plan(core_->options(), options_, lease_->seed(), begin_);
            Waiter* const waiter = how.wait ? this : nullptr;
            Runtime& runtime = core_->runtime();
            acquisition_.emplace(runtime.local_queue(), runtime.lease_task().cleanup(), *lease_,
                                 how, waiter, Acquisition::Begins::in_line, failure_);
            return give_up ? acquisition_->stop() : acquisition_->start(now);
        }
        case Last::submitted: {
            check_reply(acquisition_->operation());
            const Acquisition::Next next = acquisition_->answered(now);
            return over ? acquisition_->stop_after(next) : next;
        }
        case Last::slept: break;
    }
    return over ? acquisition_->stop() : acquisition_->woke(now);
}

ReleaseTask::ReleaseTask(LeasePtr lease) noexcept
    : lease_{std::move(lease)}, reactor_{lease_->runtime().reactor()}, release_{*lease_} {}

// Where there is no reactor any more, its manager is gone: what is left is to wait for the answer.
// As above, the task may be gone before add() returns.
bool ReleaseTask::start() {
    if (lease_->origin().is_in_child()) return false;
    const std::shared_ptr<Reactor> reactor = reactor_;
    const bool runs = Reactor::start(reactor);
    if (!release_.begin(lease_->runtime().clock().now())) return false;
    try {
        if (runs && reactor->add(*this)) return true;
    } catch (const std::bad_alloc&) {
        // As without a reactor.
    }
    release_.run();
    return false;
}

Reactor::Task::Wait ReleaseTask::step(Clock::time_point now, bool /*give_up*/) noexcept {
    if (std::exchange(submitted_, true)) {
        check_reply(release_.operation());
        if (release_.answered(now)) return {.done = true};
    }
    return {.operation = &release_.operation(), .backend = &lease_->backend()};
}

}  // namespace leaselock::detail

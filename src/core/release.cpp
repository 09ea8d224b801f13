#include "core/release.hpp"

#include <utility>

#include "core/event.hpp"
#include "core/execute.hpp"
#include "core/lease.hpp"
#include "core/runtime.hpp"

namespace leaselock::detail {
namespace {

// False: it ended before. The Notifier forgets it first: an end by release is not to be taken for a
// loss.
bool end_hold(Lease& lease, Clock::time_point now) noexcept {
    Runtime& runtime = lease.runtime();
    if (lease.watch != nullptr) runtime.notifier().forget(*lease.watch);
    const HoldTable::Until until = runtime.lease_task().table().take_out(lease, now);
    if (until == HoldTable::Until::over) return false;
    if (until == HoldTable::Until::expired) {
        tell(runtime.notifier(), &Observer::on_lost, lease, Errc::lost, now);
    }
    if (until != HoldTable::Until::held) tell_ended_after_loss(runtime.notifier(), lease, now);
    lease.released();
    tell(runtime.notifier(), &Observer::on_released, lease, {}, now);
    return true;
}

// The release was sent, or is done.
void tell_those_who_wait(Lease& lease) noexcept {
    LocalQueue& queue = lease.runtime().local_queue();
    if (queue.busy()) queue.released(lease.backend(), lease.full_key());
}

// Of a lease of this process. What needs no answer of the store is said in `result`. False: the
// store has to be asked.
bool end_at_once(Lease& lease, Clock::time_point now, bool is_copied,
                 ReleaseResult& result) noexcept {
    result = ReleaseResult::not_held;
    if (!end_hold(lease, now) || is_copied) return true;
    if (!lease.free_at_once(now)) return false;
    tell_those_who_wait(lease);
    result = ReleaseResult::released;
    return true;
}

[[gnu::noinline]] ReleaseResult release_by_operation(Lease& lease, Clock::time_point now,
                                                     Errc& error) noexcept {
    Release release{lease};
    release.send(now);
    release.run();
    error = release.error();
    return release.result();
}

}  // namespace

bool Release::begin(Clock::time_point now) noexcept {
    const bool is_copied = lease_.origin().is_copied();
    if (is_copied && lease_.origin().is_in_child()) return false;
    if (end_at_once(lease_, now, is_copied, result_)) return false;
    send(now);
    return true;
}

void Release::send(Clock::time_point now) noexcept {
    operation_.emplace(lease_.release_request(now));
}

// A broken connection is replaced by the next command, so it goes out once more.
bool Release::answered(Clock::time_point now) noexcept {
    const Reply& reply = operation_->reply;
    const bool second = error_ == Errc::connection_lost;
    const bool settled = lease_.settled_by(reply);
    if (!second) lease_.runtime().lease_task().first_answer(lease_, reply);
    judge(reply);
    if (!second && error_ == Errc::connection_lost) {
        send(now);
        return false;
    }
    if (second && result_ == ReleaseResult::lost) {
        // Ours no more: by this release's first copy, or by somebody else. Nobody can tell.
        result_ = ReleaseResult::unknown;
        error_ = Errc::connection_lost;
    }
    finish(settled);
    return true;
}

void Release::run() noexcept {
    Clock& clock = lease_.runtime().clock();
    while (!answered(execute(clock, lease_.backend(), *operation_))) {
    }
}

void Release::judge(const Reply& reply) noexcept {
    error_ = {};
    switch (reply.outcome) {
        case Outcome::released: result_ = ReleaseResult::released; return;
        case Outcome::lost: result_ = ReleaseResult::lost; return;
        default: break;
    }
    // Something else lies under the key.
    result_ = reply.error == Errc::corrupt ? ReleaseResult::lost : ReleaseResult::unknown;
    if (result_ == ReleaseResult::unknown) error_ = reply.error;
}

void Release::finish(bool settled) noexcept {
    tell_those_who_wait(lease_);
    if (settled) return;
    lease_.add_owner();
    lease_.runtime().lease_task().take_over(LeasePtr{&lease_}, error_);
}

// Flat and hot, as Core::acquire_at_once().
[[gnu::flatten, gnu::hot]] ReleaseResult release(Lease& lease, Errc& error) noexcept {
    error = {};
    const bool is_copied = lease.origin().is_copied();
    if (is_copied && lease.origin().is_in_child()) return ReleaseResult::not_held;
    const Clock::time_point now = lease.runtime().clock().now();
    ReleaseResult result{};
    if (end_at_once(lease, now, is_copied, result)) return result;
    return release_by_operation(lease, now, error);
}

[[gnu::flatten, gnu::hot]] void let_go(LeasePtr lease) noexcept {
    const bool is_copied = lease->origin().is_copied();
    if (lease->is_released() || (is_copied && lease->origin().is_in_child())) return;
    Runtime& runtime = lease->runtime();
    const Clock::time_point now = runtime.clock().now();
    if (ReleaseResult result{}; end_at_once(*lease, now, is_copied, result)) return;
    if (!runtime.local_queue().busy()) {
        runtime.lease_task().post(std::move(lease));
        return;
    }
    lease->add_owner();
    const LeasePtr held = LeasePtr{lease.get()};
    runtime.lease_task().post(std::move(lease));
    tell_those_who_wait(*held);
}

}  // namespace leaselock::detail

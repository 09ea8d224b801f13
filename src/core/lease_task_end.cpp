// The end of a manager: what it holds is lost, what it owes is delivered until a deadline, and what
// is under way then is cancelled.
#include <algorithm>
#include <chrono>

#include "core/event.hpp"
#include "core/lease_task.hpp"

namespace leaselock::detail {

void LeaseTask::end(Clock::time_point deadline) noexcept {
    stop_by_ = deadline.time_since_epoch().count();
    bool runs = false;
    {
        const MutexLock lock{mutex_};
        stopping_ = true;
        runs = is_started();
    }
    if (!runs) {
        // What uses it from now on, at the end of the process, reads the answers itself.
        cleanup_.close();
        return;
    }
    ring();
    clock_.sleep_until(deadline, stopped_.get_token());
    while (over_.wait(std::chrono::seconds{1}) == 0) {
    }
    TimedTask::stop();
}

void LeaseTask::lose_all(Clock::time_point now) noexcept {
    phase_ = Phase::delivering;
    // What invalidate_copies() has ended has another process to release it.
    if (origin_.is_copied()) stop_by_ = now.time_since_epoch().count();
    due_.renew.clear();
    due_.lost.clear();
    for (Lane& lane : lanes_) empty(lane);
    table_.lose_all(now, [&](Lease& lease) { tell_lost(lease, Errc::lost, now); });
    (void)take_answers(now);  // what was answered before
    cleanup_.hurry();
}

// What comes after the last round would be cancelled unsent: so that round closes the clean-up.
Clock::time_point LeaseTask::deliver_all(Clock::time_point now) noexcept {
    const Clock::time_point stop_by{Clock::duration{stop_by_.load()}};
    if (!cleanup_.close_if_empty() && now < stop_by) {
        const Clock::time_point next = round(now);
        return cleanup_.empty() ? now : std::min(next, stop_by);
    }
    cleanup_.close();
    cancel_all();
    phase_ = Phase::cancelling;
    return now;
}

// What is cancelled is completed, or is being completed by another thread just now; that rings.
Clock::time_point LeaseTask::await_cancelled(Clock::time_point now) noexcept {
    (void)take_answers(now);
    if (phase_ == Phase::over || is_under_way()) return Clock::time_point::max();
    give_up_cleanup();
    phase_ = Phase::over;
    stopped_.request_stop();
    over_.set(1);
    return Clock::time_point::max();
}

void LeaseTask::cancel_all() noexcept {
    (void)released_.attend(false);
    for (Lane& lane : lanes_) {
        empty(lane);
        for (SentRenewal& renewal : lane.renewals) lane.backend->cancel(*renewal.operation);
    }
    for (Lease* each = cleanup_.first(); each != nullptr; each = each->duty.links.next) {
        if (each->duty.posted) each->backend().cancel(each->duty.posted->operation);
    }
}

bool LeaseTask::is_under_way() noexcept {
    for (Lease* each = cleanup_.first(); each != nullptr; each = each->duty.links.next) {
        if (each->duty.posted) return true;
    }
    return std::any_of(lanes_.begin(), lanes_.end(),
                       [](const Lane& lane) { return !lane.renewals.empty(); });
}

void LeaseTask::give_up_cleanup() noexcept {
    while (Lease* const lease = cleanup_.first()) {
        const Errc error =
            lease->duty.error == Errc{} ? Errc::command_timed_out : lease->duty.error;
        tell_cleanup(notifier_, *lease, error, clock_.now());
        cleanup_.drop(*lease);
    }
}

}  // namespace leaselock::detail

#include "core/lease_task.hpp"

#include <algorithm>
#include <new>
#include <thread>
#include <utility>

#include <leaselock/detail/blocking_call.hpp>

#include "core/event.hpp"
#include "core/reply_check.hpp"

namespace leaselock::detail {
namespace {

using std::chrono::milliseconds;

// How many renewals of one backend wait for their answers at once: enough to fill a pipe, and a
// bound for memory. What is due beyond that waits, and follows when half of those are answered.
constexpr std::size_t most_in_flight = 4096;
// What waits is in the order of its deadlines, as far as they differ by this.
constexpr milliseconds grain{8};
// Of what is due, so many are dealt with at once however little memory there is.
constexpr std::size_t least_room = 64;
// When what could not be sent for lack of memory is tried again.
constexpr milliseconds pause{10};
// How long it comes by itself after an answer to a release: further ones need not ring then.
constexpr milliseconds tick{20};

}  // namespace

void LeaseTask::start() {
    const MutexLock lock{mutex_};
    if (stopping_) return;
    if (!is_started()) (void)due_.room_for(least_room);
    TimedTask::start();
}

void LeaseTask::post(LeasePtr lease) noexcept {
    using Stage = Lease::Posted::Stage;
    if (cleanup_.closed()) return deliver(*lease);
    lease->duty.posted.reset(new (std::nothrow) Lease::Posted{
        *lease, released_, lease->release_request(clock_.now()), Stage::submitted});
    if (lease->duty.posted == nullptr) {  // it is sent as soon as there is memory
        lease->add_owner();
        const LeasePtr kept{lease.get()};
        if (cleanup_.add(lease)) return ring();
        return deliver(*lease);
    }
    Lease::Posted& posted = *lease->duty.posted;
    Operation& operation = posted.operation;
    operation.submitter = Submitter::passes_by;
    lease->backend().submit(operation);
    if (posted.stage == Stage::answered && lease->settled_by(operation.reply)) {
        return first_answer(*lease, operation.reply);
    }
    // The task may settle it at once; then the lease, its core and this object would be gone.
    lease->add_owner();
    const LeasePtr kept{lease.get()};
    if (cleanup_.add(lease)) {
        if (posted.stage.exchange(Stage::listed) == Stage::answered) released_.add(posted);
        return;
    }
    // Closed meanwhile.
    Backend& backend = kept->backend();
    const Clock::time_point stop_by = last_wait();
    while (posted.stage != Stage::answered && clock_.now() < stop_by) {
        if (!backend.help(operation, stop_by)) std::this_thread::yield();
    }
    if (posted.stage != Stage::answered) backend.cancel(operation);
    while (posted.stage != Stage::answered) std::this_thread::yield();
}

// The task has ended, and the process may end next. If answers are unread then, the kernel resets
// the connection, and the server drops what it has not read of further releases.
void LeaseTask::deliver(Lease& lease) noexcept {
    Request request = lease.release_request(clock_.now());
    request.unread = true;
    request.deadline = last_wait();
    Operation operation{request};
    BlockingCall{operation}.run(lease.backend(), clock_);
}

// However late it is, a store that works gets the release: it is not taken back in the same moment.
Clock::time_point LeaseTask::last_wait() const noexcept {
    return std::max(Clock::time_point{Clock::duration{stop_by_.load()}},
                    saturating_add(clock_.now(), patience_of_stopped));
}

void LeaseTask::first_answer(Lease& lease, const Reply& reply) noexcept {
    if (reply.outcome == Outcome::released) return;
    const Clock::time_point now = clock_.now();
    if (!table_.lost_before(lease, reply, now)) return;
    tell(notifier_, &Observer::on_lost, lease, reason_of_loss(reply), now);
    tell_ended_after_loss(notifier_, lease, now);
}

void LeaseTask::take_over(LeasePtr lease, Errc error) noexcept {
    lease->duty.attempts = 1;
    lease->duty.error = error;
    if (cleanup_.add(lease)) ring();
}

HoldMachine::Verdict LeaseTask::extended(Lease& lease, const Operation& renewal) noexcept {
    const Clock::time_point now = clock_.now();
    const auto verdict = table_.extended(lease, renewal, now);
    if (verdict == HoldMachine::Verdict::lost) {
        lease.add_owner();
        tell_lost(lease, reason_of_loss(renewal.reply), now);
    } else if (verdict == HoldMachine::Verdict::renewed) {
        tell(notifier_, &Observer::on_renewed, lease, {}, now);
    }
    return verdict.value_or(HoldMachine::Verdict::lost);
}

Clock::time_point LeaseTask::work() noexcept {
    const Clock::time_point now = clock_.now();
    if (phase_ == Phase::running) {
        if (!stopping_ && !origin_.is_copied()) return round(now);
        lose_all(now);
    }
    if (phase_ == Phase::delivering) {
        const Clock::time_point next = deliver_all(now);
        if (phase_ == Phase::delivering) return next;
    }
    return await_cancelled(now);
}

Clock::time_point LeaseTask::round(Clock::time_point now) noexcept {
    const bool had_answers = take_answers(now);
    hold(now);
    const Clock::time_point next_duty =
        cleanup_.send_due(now, [&](Lease& lease) { send_release(lease, now); });
    outbox_.send();
    return std::min({table_.plan_check(clock_.now()), next_duty, linger(now, had_answers)});
}

// Where releases come one after the other, the first one rings, and then one in each tick; but not
// at its end, where somebody waits for it.
Clock::time_point LeaseTask::linger(Clock::time_point now, bool had_answers) noexcept {
    lingered_ = lingered_ && !had_answers;
    const bool lingers = !stopping_ && !std::exchange(lingered_, true);
    if (released_.attend(lingers)) return now;
    return lingers ? now + tick : Clock::time_point::max();
}

bool LeaseTask::take_answers(Clock::time_point now) noexcept {
    const Cleanup::Report settled = [&](const Lease& lease) { this->settled(lease, now); };
    Answers::Item* const renewals = renewed_.take();
    Answers::Item* soon = renewals;
    for (std::size_t i = 0; i < Lease::ahead && soon != nullptr; ++i) soon = soon->next;
    for (Answers::Item* each = renewals; each != nullptr;) {
        auto& renewal = static_cast<SentRenewal&>(*each);
        each = each->next;
        if (soon != nullptr) {
            static_cast<SentRenewal&>(*soon).lease->prefetch();
            soon = soon->next;
        }
        forget(renewal);
        judge(*renewal.lease, *renewal.operation, now);
        done(renewal);
    }
    Answers::Item* const releases = released_.take();
    for (Answers::Item* each = releases; each != nullptr;) {
        Lease& lease = static_cast<Lease::Posted&>(*each).lease;
        each = each->next;
        if (lease.duty.attempts == 0) first_answer(lease, lease.duty.posted->operation.reply);
        cleanup_.answered(lease, now, settled);
    }
    return releases != nullptr;
}

void LeaseTask::hold(Clock::time_point now) noexcept {
    if (table_.has_due(now)) collect(now);
    for (Lane& lane : lanes_) fill(lane, now);
}

void LeaseTask::collect(Clock::time_point now) noexcept {
    try {
        for (std::size_t shard = 0; shard < shard_count; ++shard) {
            do {
                table_.collect(shard, now, due_);
                collected(now);
            } while (!due_.is_all);
        }
    } catch (const std::bad_alloc&) {
        // What is left comes in the next round.
    }
}

void LeaseTask::collected(Clock::time_point now) noexcept {
    for (Lease* const lease : due_.lost) {
        for (Operation* const each : {lease->hold.renewal, lease->hold.repeated_renewal}) {
            if (each != nullptr) lease->backend().cancel(*each);
        }
        tell_lost(*lease, Errc::lost, now);
    }
    for (const HoldTable::Renewal& each : due_.renew) queue(each, now);
}

void LeaseTask::forget(const SentRenewal& renewal) noexcept {
    auto& hold = renewal.lease->hold;
    (hold.renewal == &*renewal.operation ? hold.renewal : hold.repeated_renewal) = nullptr;
}

void LeaseTask::done(SentRenewal& renewal) noexcept {
    Lane& lane = renewal.lane;
    renewal.operation.reset();
    lane.spare.splice(lane.spare.begin(), lane.renewals, renewal.self);
    if (lane.renewals.empty()) lane.spare.clear();
}

void LeaseTask::queue(const HoldTable::Renewal& due, Clock::time_point now) noexcept {
    try {
        const Clock::rep group = due.deadline.time_since_epoch() / grain;
        lane_of(*due.backend).waiting[group].push_back({due.lease, due.ttl});
    } catch (const std::bad_alloc&) {
        Lease& lease = *due.lease;
        lease.hold.waits = false;
        not_sent(lease, Request{.verb = Verb::renew, .claim = lease.claim(), .submitted = now},
                 Errc::out_of_memory, now);
    }
}

void LeaseTask::fill(Lane& lane, Clock::time_point now) noexcept {
    if (lane.renewals.size() > most_in_flight / 2) return;
    while (!lane.waiting.empty() && lane.renewals.size() < most_in_flight) {
        const auto first = lane.waiting.begin();
        std::vector<Waiting>& group = first->second;
        if (group.empty()) {  // there was no memory for the first of it
            lane.waiting.erase(first);
            continue;
        }
        if (group.size() > Lease::ahead) group[group.size() - 1 - Lease::ahead].lease->prefetch();
        const Waiting due = group.back();
        group.pop_back();
        if (group.empty()) lane.waiting.erase(first);
        due.lease->hold.waits = false;
        if (now < due.lease->deadline()) {
            renew(lane, due, now);
        } else {
            due.lease->drop_owner();
        }
    }
}

void LeaseTask::empty(Lane& lane) noexcept {
    for (const auto& [when, group] : lane.waiting) {
        for (const Waiting& each : group) {
            each.lease->hold.waits = false;
            each.lease->drop_owner();
        }
    }
    lane.waiting.clear();
}

void LeaseTask::renew(Lane& lane, const Waiting& due, Clock::time_point now) noexcept {
    Lease& lease = *due.lease;
    Operation*& slot =
        lease.hold.renewal == nullptr ? lease.hold.renewal : lease.hold.repeated_renewal;
    const Request request{.verb = Verb::renew,
                          .key = lease.full_key(),
                          .prefix = lease.prefix_bytes(),
                          .token = lease.token(),
                          .ttl = due.ttl,
                          .claim = lease.claim(),
                          .repeated = lease.hold.renewal != nullptr,
                          .submitted = now,
                          .deadline = lease.deadline()};
    try {
        if (lane.spare.empty()) lane.spare.emplace_back(renewed_, lane);
        SentRenewal& renewal = lane.spare.front();
        renewal.operation.emplace(request).completion = &renewal;
        outbox_.add(lease.backend(), *renewal.operation);
        renewal.self = lane.spare.begin();
        renewal.lease = &lease;
        slot = &*renewal.operation;
        lane.renewals.splice(lane.renewals.end(), lane.spare, renewal.self);
    } catch (const std::bad_alloc&) {
        not_sent(lease, request, Errc::out_of_memory, now);
    }
}

// As a renewal that failed.
void LeaseTask::not_sent(Lease& lease, const Request& request, Errc error,
                         Clock::time_point now) noexcept {
    Operation none{request};
    none.fail(error, {});
    judge(lease, none, now);
}

void LeaseTask::send_release(Lease& lease, Clock::time_point now) noexcept {
    Lease::Duty& duty = lease.duty;
    try {
        duty.posted.reset(new Lease::Posted{lease, released_, lease.release_request(now),
                                            Lease::Posted::Stage::listed});
        outbox_.add(lease.backend(), duty.posted->operation);
    } catch (const std::bad_alloc&) {
        duty.posted.reset();
        duty.next_try = now + pause;
    }
}

void LeaseTask::judge(Lease& lease, Operation& renewal, Clock::time_point now) noexcept {
    check_reply(renewal);
    Reply& reply = renewal.reply;
    if (reply.outcome == Outcome::lost && renewal.request.claim != lease.claim()) {
        // It became a share meanwhile, which that renewal could not know.
        reply.outcome = Outcome::failed;
        reply.error = Errc::stale;
    }
    const HoldMachine::Verdict verdict = table_.replied(lease, renewal, now);
    switch (verdict) {
        case HoldMachine::Verdict::renewed:
            tell(notifier_, &Observer::on_renewed, lease, {}, now);
            break;
        case HoldMachine::Verdict::lost: tell_lost(lease, reason_of_loss(reply), now); return;
        case HoldMachine::Verdict::unknown:
            if (reply.outcome == Outcome::failed) {
                tell(notifier_, &Observer::on_error, lease, reply.error, now);
            }
            break;
    }
    lease.drop_owner();
}

void LeaseTask::tell_lost(Lease& lease, Errc error, Clock::time_point now) noexcept {
    notifier_.check(lease);
    tell(notifier_, &Observer::on_lost, lease, error, now);
    lease.drop_owner();
}

void LeaseTask::settled(const Lease& lease, Clock::time_point now) noexcept {
    if (!lease.hold.is_pending) return;
    table_.count_cleanup(lease);
    tell_cleanup(notifier_, lease, lease.duty.error, now);
}

LeaseTask::Lane& LeaseTask::lane_of(Backend& backend) {
    const auto found = std::find_if(lanes_.begin(), lanes_.end(),
                                    [&](const Lane& lane) { return lane.backend == &backend; });
    return found != lanes_.end() ? *found : lanes_.emplace_back(Lane{&backend});
}

}  // namespace leaselock::detail

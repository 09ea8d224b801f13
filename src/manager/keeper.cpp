#include "manager/keeper.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "manager/event.hpp"
#include "manager/reply_check.hpp"
#include "threads.hpp"

namespace leaselock::detail {
namespace {

using std::chrono::milliseconds;

// How many renewals wait for their answers at once: enough to fill a pipe, and a bound for memory.
constexpr std::size_t most_in_flight = 4096;
// How long one backend may keep the thread while others have something to do.
constexpr milliseconds slice{10};
// How long it stays ready for further releases after the last one, which need not ring then; and
// how long it leaves the answers to the callers.
constexpr milliseconds tick{20};

}  // namespace

bool Keeper::start() {
    const MutexLock lock{mutex_};
    return stopping_ || thread_.joinable() || start_thread(thread_, [this] { run(); });
}

void Keeper::stop(Clock::time_point deadline) noexcept {
    std::thread thread;
    stop_by_ = deadline.time_since_epoch().count();
    {
        const MutexLock lock{mutex_};
        stopping_ = true;
        thread.swap(thread_);
    }
    if (!thread.joinable()) {
        // What uses it from now on, at the end of the process, reads the answers itself.
        cleanup_.close([](const Lease&) {});
        return;
    }
    waker_.wake();
    clock_.sleep_until(deadline, stopped_.get_token());
    thread.join();
}

void Keeper::post(LeasePtr lease) noexcept {
    Lease& posted = *lease;
    Request request = posted.release_request(clock_.now());
    request.unread = cleanup_.closed();
    Operation& operation = posted.duty.operation.emplace(request);
    posted.duty.via = &posted.backend();
    posted.backend().submit(operation);
    if (operation.done() && posted.settled_by(operation.reply)) return;
    // The thread may settle it at once; then the lease, its core and this object would be gone.
    posted.add_owner();
    const LeasePtr kept{&posted};
    if (cleanup_.add(lease)) {
        if (!looking_) waker_.wake();
    } else {
        read_answer(posted);
    }
}

// The thread has ended, and the process may end next. If answers are unread then, the kernel resets
// the connection, and the server drops what it has not read of further releases.
void Keeper::read_answer(Lease& lease) noexcept {
    Operation& operation = *lease.duty.operation;
    const Clock::time_point stop_by{Clock::duration{stop_by_.load()}};
    if (!operation.done()) (void)lease.duty.via->pump(operation, stop_by);
    if (!operation.done()) lease.duty.via->detach(operation);
}

void Keeper::take_over(LeasePtr lease, Errc error) noexcept {
    lease->duty.attempts = 1;
    lease->duty.error = error;
    if (cleanup_.add(lease)) waker_.wake();
}

HoldMachine::Verdict Keeper::extended(Lease& lease, const Operation& renewal) noexcept {
    const Clock::time_point now = clock_.now();
    const auto verdict = table_.extended(lease, renewal, now);
    if (verdict == HoldMachine::Verdict::lost) {
        lease.add_owner();
        tell_lost(lease, Errc::lost, now);
    } else if (verdict == HoldMachine::Verdict::renewed) {
        tell(notifier_, &Observer::on_renewed, lease, {}, now);
    }
    return verdict.value_or(HoldMachine::Verdict::lost);
}

void Keeper::run() noexcept {
    while (!stopping_ && !origin_.is_copied()) round(Clock::time_point::max());
    shut_down();
}

// What is due is sent, what was answered is taken, and then it waits for answers or for the time.
void Keeper::round(Clock::time_point latest) noexcept {
    looking_ = true;
    const Clock::time_point now = clock_.now();
    hold(now);
    const Clock::time_point next_duty = tend(now);
    submit();
    for (Lane& lane : lanes_) settle(lane, clock_.now());
    const Clock::time_point next = std::min({table_.plan_look(), next_duty, latest});
    const Clock::time_point read_at = pump(std::clamp(next, now + milliseconds{1}, now + slice));
    if (read_at != Clock::time_point::max()) {
        lingered_ = false;
        clock_.sleep_until(std::min(next, read_at), waker_);
        return;
    }
    if (stopping_ && cleanup_.empty()) return;
    // Where releases come one behind the other, the first one rings, and then one in each tick.
    if (!std::exchange(lingered_, !lingered_)) {
        clock_.sleep_until(std::min(next, now + tick), waker_);
        return;
    }
    looking_ = false;
    if (!cleanup_.under_way() && !stopping_) clock_.sleep_until(next, waker_);
}

void Keeper::hold(Clock::time_point now) noexcept {
    due_.renew.clear();
    due_.lost.clear();
    try {
        table_.collect(now, most_in_flight - in_flight_, due_);
    } catch (const std::bad_alloc&) {
        return;  // the next round tries again
    }
    for (Lease* const lease : due_.lost) tell_lost(*lease, Errc::lost, now);
    for (Lease* const lease : due_.renew) renew(*lease, now);
}

void Keeper::renew(Lease& lease, Clock::time_point now) noexcept {
    const Request request{.verb = Verb::renew,
                          .key = lease.full_key(),
                          .token = lease.token(),
                          .ttl = table_.ttl_of(lease),
                          .claim = lease.claim(),
                          .submitted = now,
                          .deadline = lease.deadline()};
    try {
        Lane& lane = lane_of(lease.backend());
        Renewal& renewal = lane.renewals.emplace_back(&lease, request);
        try {
            lane.batch.push_back(&renewal.operation);
        } catch (...) {
            lane.renewals.pop_back();
            throw;
        }
        ++in_flight_;
    } catch (const std::bad_alloc&) {
        // Not sent: as a renewal that failed.
        Renewal none{&lease, request};
        none.operation.fail(Errc::out_of_memory, {});
        judge(none, now);
    }
}

Clock::time_point Keeper::tend(Clock::time_point now) noexcept {
    return cleanup_.tend(
        now, [&](Lease& lease) { send_release(lease, now); },
        [&](const Lease& lease) { settled(lease, now); });
}

void Keeper::send_release(Lease& lease, Clock::time_point now) noexcept {
    try {
        Lane& lane = lane_of(lease.backend());
        lane.batch.reserve(lane.batch.size() + 1);
        lease.duty.via = &lane.channel();
        lane.batch.push_back(&lease.duty.operation.emplace(lease.release_request(now)));
    } catch (const std::bad_alloc&) {
        lease.duty.next_try = now + slice;
    }
}

void Keeper::submit() noexcept {
    for (Lane& lane : lanes_) {
        if (lane.batch.empty()) continue;
        lane.channel().submit(lane.batch);
        lane.batch.clear();
    }
}

// Answers come in the order of the renewals, or are let go of at the end of their lease.
void Keeper::settle(Lane& lane, Clock::time_point now) noexcept {
    while (!lane.renewals.empty()) {
        Renewal& first = lane.renewals.front();
        Operation& operation = first.operation;
        if (!operation.done() && now >= operation.request.deadline) {
            lane.channel().detach(operation);
        }
        if (!operation.done()) return;
        judge(first, now);
        lane.renewals.pop_front();
        --in_flight_;
    }
}

void Keeper::judge(Renewal& renewal, Clock::time_point now) noexcept {
    Lease& lease = *renewal.lease;
    check_reply(renewal.operation);
    Reply& reply = renewal.operation.reply;
    if (reply.outcome == Outcome::lost && renewal.operation.request.claim != lease.claim()) {
        // It became a share meanwhile, which that renewal could not know.
        reply.outcome = Outcome::failed;
        reply.error = Errc::stale;
    }
    const HoldMachine::Verdict verdict = table_.replied(lease, renewal.operation, now);
    switch (verdict) {
        case HoldMachine::Verdict::renewed:
            tell(notifier_, &Observer::on_renewed, lease, {}, now);
            break;
        case HoldMachine::Verdict::lost: tell_lost(lease, Errc::lost, now); return;
        case HoldMachine::Verdict::unknown:
            if (renewal.operation.reply.outcome == Outcome::failed) {
                tell(notifier_, &Observer::on_error, lease, renewal.operation.reply.error, now);
            }
            break;
    }
    lease.drop_owner();
}

void Keeper::tell_lost(Lease& lease, Errc error, Clock::time_point now) noexcept {
    notifier_.look(lease);
    tell(notifier_, &Observer::on_lost, lease, error, now);
    lease.drop_owner();
}

void Keeper::settled(const Lease& lease, Clock::time_point now) noexcept {
    if (!lease.duty.counted) return;
    table_.count_cleanup(lease);
    tell(notifier_, &Observer::on_cleanup, lease, lease.duty.error, now);
}

// Reads what comes. Answers when there is something to read next; the end of time: nothing is under
// way.
Clock::time_point Keeper::pump(Clock::time_point until) noexcept {
    Clock::time_point read_at = Clock::time_point::max();
    for (Lane& lane : lanes_) {
        if (lane.renewals.empty()) continue;
        read_at = Clock::time_point::min();
        lane.channel().pump(lane.renewals.front().operation, until);
    }
    Lease* first = nullptr;
    Clock::time_point first_at = Clock::time_point::max();
    cleanup_.each_unanswered([&](Lease& lease) {
        const Clock::time_point at = left_to_callers_until(lease);
        if (first != nullptr && at >= first_at) return;
        first = &lease;
        first_at = at;
    });
    if (first == nullptr) return cleanup_.under_way() ? Clock::time_point::min() : read_at;
    if (clock_.now() < first_at) return std::min(read_at, first_at);
    first->duty.via->pump(*first->duty.operation, until);
    return Clock::time_point::min();
}

// The next caller on a connection reads the answer to a posted release before its own. If this
// thread read it, that caller would be no reader, and each cycle would cost several switches.
Clock::time_point Keeper::left_to_callers_until(const Lease& lease) noexcept {
    constexpr Clock::time_point now_already = Clock::time_point::min();
    if (stopping_ || lease.duty.via != &lease.backend()) return now_already;
    try {
        if (lane_of(lease.backend()).own == nullptr) return now_already;
    } catch (const std::bad_alloc&) {
        return now_already;
    }
    return lease.duty.operation->request.submitted + tick;
}

Keeper::Lane& Keeper::lane_of(Backend& backend) {
    const auto found = std::find_if(lanes_.begin(), lanes_.end(),
                                    [&](const Lane& lane) { return lane.backend == &backend; });
    if (found != lanes_.end()) return *found;
    return lanes_.emplace_back(Lane{&backend, backend.side_channel()});
}

void Keeper::shut_down() noexcept {
    const Clock::time_point now = clock_.now();
    // What invalidate_copies() has ended has another process to release it.
    const Clock::time_point stop_by =
        origin_.is_copied() ? now : Clock::time_point{Clock::duration{stop_by_.load()}};
    due_.renew.clear();
    due_.lost.clear();
    table_.lose_all(now, [&](Lease& lease) { tell_lost(lease, Errc::lost, now); });
    for (Lane& lane : lanes_) {
        for (Renewal& renewal : lane.renewals) {
            if (!renewal.operation.done()) lane.channel().detach(renewal.operation);
            renewal.lease->drop_owner();
        }
        lane.renewals.clear();
    }
    in_flight_ = 0;
    (void)tend(now);  // what was answered before
    cleanup_.hurry();
    while (!cleanup_.empty() && clock_.now() < stop_by) round(stop_by);
    cleanup_.close([&](const Lease& lease) {
        const Errc error = lease.duty.error == Errc{} ? Errc::command_timed_out : lease.duty.error;
        tell(notifier_, &Observer::on_cleanup, lease, error, clock_.now());
    });
    stopped_.request_stop();
}

}  // namespace leaselock::detail

#include "core/cleanup.hpp"

#include <algorithm>
#include <utility>

#include "core/reply_check.hpp"

namespace leaselock::detail {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds first_wait{50};
constexpr milliseconds longest_wait{5000};

}  // namespace

bool Cleanup::add(LeasePtr& lease) noexcept {
    const MutexLock lock{mutex_};
    if (closed_) return false;
    if (!lease->duty.posted || lease->owed_until() != 0 || lease->duty.attempts > 0) {
        lease->hold.is_pending = true;
        ++pending_;
    }
    Lease* const added = lease.release();
    added->duty.links = {first_, nullptr};
    if (first_ != nullptr) first_->duty.links.previous = added;
    first_ = added;
    return true;
}

bool Cleanup::closed() noexcept {
    const MutexLock lock{mutex_};
    return closed_;
}

void Cleanup::drop(Lease& lease) noexcept {
    {
        const MutexLock lock{mutex_};
        Lease*& before = lease.duty.links.previous != nullptr
                             ? lease.duty.links.previous->duty.links.next
                             : first_;
        before = lease.duty.links.next;
        if (lease.duty.links.next != nullptr)
            lease.duty.links.next->duty.links.previous = lease.duty.links.previous;
    }
    if (lease.hold.is_pending) --pending_;
    ++let_go_;
    lease.drop_owner();
}

bool Cleanup::frees(std::string_view token, Clock::time_point now) noexcept {
    const MutexLock lock{mutex_};
    for (const Lease* each = first_; each != nullptr; each = each->duty.links.next) {
        if (each->token() == token) return each->release_request(now).keep.count() == 0;
    }
    return false;
}

// Only the LeaseTask changes the links after the first, so it may follow them without the mutex.
Lease* Cleanup::first() noexcept {
    const MutexLock lock{mutex_};
    return first_;
}

void Cleanup::answered(Lease& lease, Clock::time_point now, const Report& settled) noexcept {
    check_reply(lease.duty.posted->operation);
    const Reply& reply = lease.duty.posted->operation.reply;
    ++lease.duty.attempts;
    lease.duty.error = reply.outcome == Outcome::failed ? reply.error : Errc{};
    if (lease.settled_by(reply)) {
        settled(lease);
        drop(lease);
    } else {
        plan_again(lease, now);
    }
}

void Cleanup::plan_again(Lease& lease, Clock::time_point now) noexcept {
    const Reply& reply = lease.duty.posted->operation.reply;
    if (!std::exchange(lease.hold.is_pending, true)) ++pending_;
    if (reply.outcome != Outcome::failed) {
        // An acquire may still run: once more when it cannot.
        const std::chrono::microseconds left{lease.owed_until() - reply.store_time};
        lease.duty.next_try = now + left + milliseconds{1};
    } else if (lease.duty.attempts == 1 && reply.error == Errc::connection_lost) {
        lease.duty.next_try = now;  // a broken connection is replaced by the next command
    } else {
        lease.duty.next_try = now + jitter_(doubled(first_wait, lease.duty.attempts, longest_wait));
    }
    lease.duty.posted.reset();
}

// What was posted and is not answered waits for nobody's time.
Clock::time_point Cleanup::send_due(Clock::time_point now, const Send& send) {
    Clock::time_point next = Clock::time_point::max();
    if (pending() == 0) return next;
    for (Lease* each = first(); each != nullptr;) {
        Lease& lease = *each;
        each = lease.duty.links.next;
        if (lease.duty.posted) continue;
        if (lease.duty.next_try <= now) {
            send(lease);
        } else {
            next = std::min(next, lease.duty.next_try);
        }
    }
    return next;
}

void Cleanup::hurry() noexcept {
    for (Lease* each = first(); each != nullptr; each = each->duty.links.next) {
        each->duty.next_try = Clock::time_point::min();
    }
}

void Cleanup::close() noexcept {
    const MutexLock lock{mutex_};
    closed_ = true;
}

bool Cleanup::close_if_empty() noexcept {
    const MutexLock lock{mutex_};
    if (first_ == nullptr) closed_ = true;
    return first_ == nullptr;
}

}  // namespace leaselock::detail

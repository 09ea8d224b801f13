#include "manager/cleanup.hpp"

#include <algorithm>
#include <utility>

#include "manager/reply_check.hpp"

namespace leaselock::detail {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds first_wait{50};
constexpr milliseconds longest_wait{5000};

}  // namespace

bool Cleanup::add(LeasePtr& lease) noexcept {
    const MutexLock lock{mutex_};
    if (closed_) return false;
    if (!lease->duty.operation || lease->owed_until() != 0 || lease->duty.attempts > 0) {
        lease->duty.counted = true;
        ++pending_;
    }
    Lease* const added = lease.release();
    added->duty.next = first_;
    added->duty.previous = nullptr;
    if (first_ != nullptr) first_->duty.previous = added;
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
        Lease*& before = lease.duty.previous != nullptr ? lease.duty.previous->duty.next : first_;
        before = lease.duty.next;
        if (lease.duty.next != nullptr) lease.duty.next->duty.previous = lease.duty.previous;
    }
    if (lease.duty.counted) --pending_;
    ++let_go_;
    lease.drop_owner();
}

bool Cleanup::frees(std::string_view token, Clock::time_point now) noexcept {
    const MutexLock lock{mutex_};
    for (const Lease* each = first_; each != nullptr; each = each->duty.next) {
        if (each->token() == token) return each->release_request(now).keep.count() == 0;
    }
    return false;
}

// Only the Keeper changes the links behind the first, so it may follow them without the mutex.
Lease* Cleanup::first() noexcept {
    const MutexLock lock{mutex_};
    return first_;
}

Clock::time_point Cleanup::tend(Clock::time_point now, const Send& send, const Report& settled) {
    Clock::time_point next = Clock::time_point::max();
    for (Lease* each = first(); each != nullptr;) {
        Lease& lease = *each;
        each = lease.duty.next;
        if (lease.duty.operation && lease.duty.operation->done() && answered(lease, now)) {
            settled(lease);
            drop(lease);
            continue;
        }
        if (lease.duty.operation) continue;
        if (lease.duty.next_try <= now) {
            send(lease);
        } else {
            next = std::min(next, lease.duty.next_try);
        }
    }
    return next;
}

// True: nothing is owed any more. Else the next try is planned.
bool Cleanup::answered(Lease& lease, Clock::time_point now) noexcept {
    check_reply(*lease.duty.operation);
    const Reply& reply = lease.duty.operation->reply;
    const bool failed = reply.outcome == Outcome::failed;
    ++lease.duty.attempts;
    lease.duty.error = failed ? reply.error : Errc{};
    if (lease.settled_by(reply)) return true;
    if (!std::exchange(lease.duty.counted, true)) ++pending_;
    if (!failed) {
        // An acquire may still run: once more when it cannot.
        const std::chrono::microseconds left{lease.owed_until() - reply.store_time};
        lease.duty.next_try = now + left + milliseconds{1};
    } else if (lease.duty.attempts == 1 && reply.error == Errc::connection_lost) {
        lease.duty.next_try = now;  // a broken connection is replaced by the next command
    } else {
        lease.duty.next_try = now + jitter_(doubled(first_wait, lease.duty.attempts, longest_wait));
    }
    lease.duty.operation.reset();
    return false;
}

void Cleanup::each_unanswered(const std::function<void(Lease&)>& use) noexcept {
    for (Lease* each = first(); each != nullptr; each = each->duty.next) {
        if (each->duty.operation && !each->duty.operation->done()) use(*each);
    }
}

bool Cleanup::under_way() noexcept {
    for (const Lease* each = first(); each != nullptr; each = each->duty.next) {
        if (each->duty.operation) return true;
    }
    return false;
}

void Cleanup::hurry() noexcept {
    for (Lease* each = first(); each != nullptr; each = each->duty.next) {
        each->duty.next_try = Clock::time_point::min();
    }
}

void Cleanup::close(const Report& given_up) noexcept {
    {
        const MutexLock lock{mutex_};
        closed_ = true;
    }
    while (Lease* const lease = first()) {
        if (lease->duty.operation && !lease->duty.operation->done()) {
            lease->duty.via->detach(*lease->duty.operation);
        }
        given_up(*lease);
        drop(*lease);
    }
}

}  // namespace leaselock::detail

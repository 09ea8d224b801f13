#include "core/hold_table.hpp"

#include <algorithm>
#include <utility>

namespace leaselock::detail {

using Verdict = HoldMachine::Verdict;

namespace {

// In which a processor shows all others what it has written; less than a third of the least ttl.
constexpr std::chrono::milliseconds visible_after{3};
// When what could not be listed for lack of memory is tried again.
constexpr std::chrono::milliseconds listed_after{10};
// So much earlier than it is due a lease may be renewed along with others.
constexpr std::chrono::milliseconds along{10};
constexpr std::size_t most_at_once = 8192;  // of a shard, while its mutex is held

}  // namespace

void HoldTable::ring_for(Clock::time_point due) noexcept {
    if (due.time_since_epoch().count() >= next_check_.load()) return;
    rung_for_.store(due.time_since_epoch().count());
    alarm_.ring();
}

// The lease is to be seen before the time is read, as far as the compiler goes: see plan_check().
void HoldTable::add_at_once(Lease& lease) {
    const Clock::time_point due = lease.hold.machine.due();
    lease.hold.state = HoldState::held;
    if (!own_.add(lease)) return add(lease, {}, false);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    lease.hold.counts->own[lease.hold.shard].granted();
    ring_for(due);
}

// Nobody else knows of it any more.
HoldTable::Until HoldTable::end_own(Lease& lease, Clock::time_point now) noexcept {
    const bool expired = lease.deadline() <= now;
    const auto held = now - lease.granted_at();
    lease.hold.state = expired ? HoldState::over : HoldState::releasing;
    if (expired) {
        lease.lose(now, Errc::lost);
    } else {
        lease.end();
    }
    if (const std::size_t own = own_number(); own < shard_count) {
        lease.hold.counts->own[own].ended(held, expired);
    } else {
        Shard& shard = shards_[own_shard()];
        const WordMutexLock lock{shard.mutex};
        LockStats& stats = stats_of(shard, lease);
        ++stats.released;
        --stats.held_now;
        stats.hold.add(held);
        if (expired) ++stats.lost;
    }
    return expired ? Until::expired : Until::held;
}

void HoldTable::list(Lease& lease) {
    if (lease.hold.slot == Lease::Hold::no_slot) return;
    Shard& shard = shards_[lease.hold.shard];
    const WordMutexLock lock{shard.mutex};
    shard.heap.reserve(shard.heap.size() + 1);
    if (own_.take(lease)) shard.heap.add(lease, lease.hold.machine.due());
}

bool HoldTable::list_all(std::size_t own, Shard& shard) noexcept {
    try {
        shard.heap.reserve(shard.heap.size() + OwnHolds::most);
    } catch (const std::bad_alloc&) {
        return false;
    }
    own_.take_all(own, [&](Lease& lease) LEASELOCK_UNCHECKED {  // this function holds the mutex
        shard.heap.add(lease, lease.hold.machine.due());
    });
    return true;
}

void HoldTable::add(Lease& lease, std::chrono::nanoseconds waited, bool handed_over) {
    const std::size_t own = own_shard();
    Shard& shard = shards_[own];
    lease.hold.shard = own & Lease::Hold::no_slot;
    const Clock::time_point due = lease.hold.machine.due();
    {
        const WordMutexLock lock{shard.mutex};
        shard.heap.add(lease, due);
        lease.hold.state = HoldState::held;
        LockStats& stats = stats_of(shard, lease);
        ++stats.acquired;
        if (handed_over) ++stats.handed_over;
        ++stats.held_now;
        stats.wait.add(waited);
    }
    ring_for(due);
}

HoldTable::Until HoldTable::take_out(Lease& lease, Clock::time_point now) noexcept {
    if (own_.take(lease)) return end_own(lease, now);
    Shard& shard = shards_[lease.hold.shard];
    const WordMutexLock lock{shard.mutex};
    const HoldState before = lease.hold.state;
    if (before != HoldState::held && before != HoldState::lost) return Until::over;
    LockStats& stats = stats_of(shard, lease);
    ++stats.released;
    // A process that stood still may find its deadline past before the LeaseTask does.
    const bool expired = before == HoldState::held && lease.deadline() <= now;
    if (expired) lose(shard, lease, now);
    lease.hold.state = HoldState::over;
    if (expired) return Until::expired;
    if (before == HoldState::lost) return Until::lost;
    lease.hold.state = HoldState::releasing;
    lease.end();
    shard.heap.remove(lease);
    --stats.held_now;
    stats.hold.add(now - lease.granted_at());
    return Until::held;
}

// An answer that came after the deadline says nothing: the lease may have run out on the way.
bool HoldTable::lost_before(Lease& lease, const Reply& release, Clock::time_point now) noexcept {
    if (release.outcome != Outcome::lost && release.error != Errc::corrupt) return false;
    if (reason_of_loss(release) == Errc::session_expired) hurry(lease.backend(), now);
    Shard& shard = shards_[lease.hold.shard];
    const WordMutexLock lock{shard.mutex};
    const HoldState before = std::exchange(lease.hold.state, HoldState::over);
    if (before != HoldState::releasing || now >= lease.hold.machine.deadline()) return false;
    ++stats_of(shard, lease).lost;
    return true;
}

void HoldTable::lose(Shard& shard, Lease& lease, Clock::time_point now, Errc reason) noexcept {
    shard.heap.remove(lease);
    end_by_loss(shard, lease, now, reason);
}

void HoldTable::end_by_loss(Shard& shard, Lease& lease, Clock::time_point now,
                            Errc reason) noexcept {
    lease.hold.state = HoldState::lost;
    lease.lose(now, reason);
    LockStats& stats = stats_of(shard, lease);
    ++stats.lost;
    --stats.held_now;
    stats.hold.add(now - lease.granted_at());
}

// What is due before the planned time has rung, so the plan is made again.
bool HoldTable::has_due(Clock::time_point now) noexcept {
    if (ended_ != nullptr) hurry(*std::exchange(ended_, nullptr), now);
    return now.time_since_epoch().count() >= next_check_.load();
}

// Without memory for all, as many as there was room for before.
std::size_t HoldTable::Due::room_for(std::size_t leases) {
    try {
        found.reserve(leases);
        renew.reserve(leases);
        lost.reserve(leases);
        return leases;
    } catch (const std::bad_alloc&) {
        const std::size_t room = std::min({found.capacity(), renew.capacity(), lost.capacity()});
        if (room == 0) throw;
        return std::min(room, leases);
    }
}

// Many leases are all over the memory, so each is on its way before it is used.
void HoldTable::collect(std::size_t index, Clock::time_point now, Due& due) {
    due.renew.clear();
    due.lost.clear();
    Shard& shard = shards_[index];
    const WordMutexLock lock{shard.mutex};
    const std::size_t most = due.room_for(std::min(shard.heap.size(), most_at_once));
    shard.heap.find_due(saturating_add(now, along), most, due.found);
    const std::size_t count = due.found.size();
    for (std::size_t i = 0; i < count; ++i) {
        if (i + Lease::ahead < count) shard.heap.at(due.found[i + Lease::ahead]).prefetch();
        Lease& lease = shard.heap.at(due.found[i]);
        const HoldMachine::Duty duty = lease.hold.machine.next_duty(now);
        if (duty == HoldMachine::Duty::lose) {
            lease.add_owner();
            due.lost.push_back(&lease);
        } else if (duty == HoldMachine::Duty::renew && lease.may_wait_for_renewal()) {
            lease.add_owner();
            lease.hold.waits = true;
            due.renew.push_back({&lease, &lease.backend(), lease.hold.machine.deadline(),
                                 lease.hold.machine.ttl()});
        }
        shard.heap.put_off(due.found[i], lease.hold.machine.due());
    }
    shard.heap.mend(due.found);
    for (Lease* const lease : due.lost) lose(shard, *lease, now);
    due.is_all = now < shard.heap.due();
}

void HoldTable::lose_all(Clock::time_point now, const std::function<void(Lease&)>& lost) noexcept {
    for (std::size_t own = 0; own < shard_count; ++own) {
        while (Lease* const lease = lose_any(own, now)) lost(*lease);
    }
}

// Needs no memory, so what is in its thread's hands is not listed before.
Lease* HoldTable::lose_any(std::size_t own, Clock::time_point now) noexcept {
    Shard& shard = shards_[own];
    const WordMutexLock lock{shard.mutex};
    Lease* lease = nullptr;
    for (std::size_t i = 0; i < OwnHolds::most && lease == nullptr; ++i) {
        lease = own_.take_at(own, i);
    }
    if (lease != nullptr) {
        lease->add_owner();
        end_by_loss(shard, *lease, now, Errc::lost);
    } else if (!shard.heap.empty()) {
        lease = &shard.heap.last();
        lease->add_owner();
        lose(shard, *lease, now);
    }
    return lease;
}

void HoldTable::hurry(const Backend& backend, Clock::time_point now) noexcept {
    for (Shard& shard : shards_) {
        const WordMutexLock lock{shard.mutex};
        for (std::size_t i = 0; i < shard.heap.size(); ++i) {
            Lease& lease = shard.heap.at(i);
            if (&lease.backend() != &backend) continue;
            const Clock::time_point before = lease.hold.machine.due();
            lease.hold.machine.hurry(now);
            sort_in(shard, lease, before);
        }
    }
    ring_for(now);
}

std::chrono::milliseconds HoldTable::ttl_of(Lease& lease) noexcept {
    Shard& shard = shards_[lease.hold.shard];
    const WordMutexLock lock{shard.mutex};
    return lease.hold.machine.ttl();
}

// Until the planned time has come it does not move away: what did not ring since it is due later is
// found then. When it has come, it is max() first, so that all rings which is added meanwhile. But
// a thread that adds to its own slots takes no mutex, and may have read the time of before although
// its lease is not to be seen yet: so this looks once more soon, without a new time.
Clock::time_point HoldTable::plan_check(Clock::time_point now) noexcept {
    Clock::time_point next{Clock::duration{next_check_.load()}};
    if (next <= now) {
        next = Clock::time_point::max();
        next_check_.store(next.time_since_epoch().count());
        if (own_.are_used()) comes_again_ = now + visible_after;
    }
    for (std::size_t own = 0; own < shard_count; ++own) {
        Shard& shard = shards_[own];
        const WordMutexLock lock{shard.mutex};
        if (!list_all(own, shard)) next = std::min(next, now + listed_after);
        next = std::min(next, shard.heap.due());
    }
    const Clock::time_point rung_for{Clock::duration{rung_for_.load()}};
    if (rung_for > now) next = std::min(next, rung_for);
    next_check_.store(next.time_since_epoch().count());
    return comes_again_ > now ? std::min(next, comes_again_) : next;
}

Verdict HoldTable::settle(Shard& shard, Lease& lease, Verdict verdict, const Reply& reply,
                          const HoldMachine& before, Clock::time_point now) noexcept {
    const Clock::time_point after = lease.hold.machine.deadline();
    if (verdict == Verdict::renewed && !lease.move_deadline(before.deadline(), after)) {
        verdict = Verdict::lost;  // somebody has seen it over
    }
    if (verdict == Verdict::lost) {
        lose(shard, lease, now, reason_of_loss(reply));
    } else {
        sort_in(shard, lease, before.due());
    }
    return verdict;
}

Verdict HoldTable::replied(Lease& lease, const Operation& renewal, Clock::time_point now) noexcept {
    Shard& shard = shards_[lease.hold.shard];
    const Request& asked = renewal.request;
    if (reason_of_loss(renewal.reply) == Errc::session_expired) {
        // Once for all of a store that are answered together.
        if (ended_ != nullptr && ended_ != &lease.backend()) hurry(*ended_, now);
        ended_ = &lease.backend();
    }
    const WordMutexLock lock{shard.mutex};
    // The answer came after its release, or its loss: it has nothing to say any more.
    if (lease.hold.state != HoldState::held) return Verdict::unknown;
    const HoldMachine before = lease.hold.machine;
    const Verdict verdict = settle(
        shard, lease, lease.hold.machine.replied(renewal.reply, asked.submitted, asked.ttl, now),
        renewal.reply, before, now);
    if (verdict == Verdict::renewed) ++stats_of(shard, lease).renewed;
    if (verdict == Verdict::unknown) ++stats_of(shard, lease).renewals_failed;
    return verdict;
}

bool HoldTable::shorten(Lease& lease, std::chrono::milliseconds ttl,
                        Clock::time_point now) noexcept {
    Shard& shard = shards_[lease.hold.shard];
    Clock::time_point due;
    {
        const WordMutexLock lock{shard.mutex};
        if (lease.hold.state != HoldState::held) return false;
        const HoldMachine before = lease.hold.machine;
        if (!lease.hold.machine.shorten(ttl, now)) return false;
        lease.move_deadline(before.deadline(), lease.hold.machine.deadline());
        sort_in(shard, lease, before.due());
        due = lease.hold.machine.due();
    }
    ring_for(due);
    return true;
}

std::optional<Verdict> HoldTable::extended(Lease& lease, const Operation& renewal,
                                           Clock::time_point now) noexcept {
    Shard& shard = shards_[lease.hold.shard];
    const Request& asked = renewal.request;
    Clock::time_point due;
    Verdict verdict = Verdict::lost;
    {
        const WordMutexLock lock{shard.mutex};
        if (lease.hold.state != HoldState::held) return std::nullopt;
        const HoldMachine before = lease.hold.machine;
        verdict =
            settle(shard, lease,
                   lease.hold.machine.extended(renewal.reply, asked.submitted, asked.ttl, now),
                   renewal.reply, before, now);
        if (verdict == Verdict::renewed) ++stats_of(shard, lease).renewed;
        due = lease.hold.machine.due();
    }
    ring_for(due);
    if (reason_of_loss(renewal.reply) == Errc::session_expired) hurry(lease.backend(), now);
    return verdict;
}

void HoldTable::count_failure(const Lease& lease, bool contended) noexcept {
    Shard& shard = shards_[own_shard()];
    const WordMutexLock lock{shard.mutex};
    LockStats& stats = stats_of(shard, lease);
    ++(contended ? stats.contended : stats.failed);
}

void HoldTable::count_cleanup(const Lease& lease) noexcept {
    Shard& shard = shards_[own_shard()];
    const WordMutexLock lock{shard.mutex};
    ++stats_of(shard, lease).cleanups;
}

// Each part is read for itself, so that no thread that locks waits for more than that.
void HoldTable::for_each(const Visit& visit) {
    templates_.for_each([&](TemplateCounts& counts) {
        LockStats sum;
        for (std::size_t i = 0; i < shard_count; ++i) {
            const WordMutexLock lock{shards_[i].mutex};
            sum += counts.parts[i].stats;
            counts.own[i].add_to(sum);
        }
        // A lease may have come after its part was read, and gone before the next one was.
        if (sum.held_now > sum.acquired) sum.held_now = 0;
        visit(counts.key_template, sum);
    });
}

}  // namespace leaselock::detail

// All leases that are held, each under the time at which something is to be done about it, or
// before: a heap, in shards so that threads do not meet. It decides what a lease is (held, lost, or
// on its way back) under one mutex, so that none is renewed after its release, and counts what
// happens.
//
// What was granted at once is in its thread's hands at first, see OwnHolds, and comes into a heap
// when the collector comes by, before it is due.
//
// Thread-safety: all calls from all threads at once. collect() and replied() are the LeaseTask's.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <leaselock/clock.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/detail/word_mutex.hpp>
#include <leaselock/observer.hpp>

#include "base/due_heap.hpp"
#include "core/lease.hpp"
#include "core/own_holds.hpp"
#include "core/shard.hpp"
#include "core/template_counts.hpp"

namespace leaselock::detail {

class HoldTable {
  public:
    // Rings when something is due sooner than the collector expects.
    explicit HoldTable(Alarm& alarm) noexcept : alarm_{alarm} {}

    // A lease that was granted at once, to the calling thread. May throw bad_alloc; it is not in
    // the table then.
    void add_at_once(Lease& lease);
    // A lease that was granted. May throw bad_alloc; it is not in the table then.
    void add(Lease& lease, std::chrono::nanoseconds waited, bool handed_over);
    // The holder releases it at `now`. How it was until then: `over`, it was released before, or
    // never held; `expired`, it is lost by that.
    enum class Until : std::uint8_t { over, held, expired, lost };
    [[nodiscard]] Until take_out(Lease& lease, Clock::time_point now) noexcept;
    // The first answer to the release that followed, at `now`. True: it was lost before that, and
    // nobody knew.
    [[nodiscard]] bool lost_before(Lease& lease, const Reply& release,
                                   Clock::time_point now) noexcept;

    // A renewal that is due, with what is to be known of it before the lease itself is read.
    struct Renewal {
        Lease* lease;
        Backend* backend;
        Clock::time_point deadline;
        std::chrono::milliseconds ttl;
    };
    // Whether something is due at `now`.
    [[nodiscard]] bool has_due(Clock::time_point now) noexcept;
    // What is due of a shard, or so soon that it may come along: shared, and to be unshared by the
    // caller. A lease is in `renew` if none of its renewals waits, and not two are under way; it
    // waits from then on.
    struct Due {
        bool is_all = true;  // else there is more
        std::vector<Renewal> renew;
        std::vector<Lease*> lost;
        std::vector<std::uint32_t> found;  // collect()'s own

        // How many there is room for: so many, or fewer if there is no memory. May throw bad_alloc,
        // but not if there was room for one before.
        std::size_t room_for(std::size_t leases);
    };
    // May throw bad_alloc; then it has found nothing.
    void collect(std::size_t shard, Clock::time_point now, Due& due);
    // When the collector comes next; from then on add() rings only for what is due sooner. What was
    // rung for counts also if it has gone: else each lock that is held for a moment would ring.
    // What was held by threads on their own until now is in a heap then.
    [[nodiscard]] Clock::time_point plan_check(Clock::time_point now) noexcept;
    // All that is held is lost: each is shared, and to be unshared by `lost`.
    void lose_all(Clock::time_point now, const std::function<void(Lease&)>& lost) noexcept;

    // The lease is held by the calling thread, which will ask for its renewal or its end: it is in
    // a heap from now on. May throw bad_alloc.
    void list(Lease& lease);
    [[nodiscard]] std::chrono::milliseconds ttl_of(Lease& lease) noexcept;

    // A renewal was answered. `lost`: by this.
    HoldMachine::Verdict replied(Lease& lease, const Operation& renewal,
                                 Clock::time_point now) noexcept;
    // See HoldMachine.
    [[nodiscard]] bool shorten(Lease& lease, std::chrono::milliseconds ttl,
                               Clock::time_point now) noexcept;
    // None: it was not held any more.
    std::optional<HoldMachine::Verdict> extended(Lease& lease, const Operation& renewal,
                                                 Clock::time_point now) noexcept;

    // Where a lease with that template counts.
    [[nodiscard]] TemplateCounts& counts_of(std::string_view key_template) {
        return templates_.of(key_template);
    }
    // A call that ended without a lock.
    void count_failure(const Lease& lease, bool contended) noexcept;
    void count_cleanup(const Lease& lease) noexcept;
    // What was counted, of one template after the other.
    using Visit = std::function<void(const std::string& key_template, const LockStats& stats)>;
    void for_each(const Visit& visit);

  private:
    [[nodiscard]] static std::uint32_t& index_of(Lease& lease) noexcept { return lease.hold.index; }
    // On cache lines of its own.
    struct alignas(128) Shard {
        WordMutex mutex;
        DueHeap<Lease, index_of> heap LEASELOCK_GUARDED_BY(mutex);
    };
    [[nodiscard]] Until end_own(Lease& lease, Clock::time_point now) noexcept;
    // False: some are left for want of memory.
    [[nodiscard]] bool list_all(std::size_t own, Shard& shard) noexcept
        LEASELOCK_REQUIRES(shard.mutex);
    [[nodiscard]] LockStats& stats_of(Shard& shard, const Lease& lease) noexcept
        LEASELOCK_REQUIRES(shard.mutex) {
        return lease.hold.counts->parts[static_cast<std::size_t>(&shard - shards_.data())].stats;
    }
    // It was due at `before`, so it comes up then at the latest. A renewal that is granted puts it
    // off: then the heap, all over the memory, is not touched.
    static void sort_in(Shard& shard, Lease& lease, Clock::time_point before) noexcept
        LEASELOCK_REQUIRES(shard.mutex) {
        const Clock::time_point due = lease.hold.machine.due();
        if (due < before) shard.heap.hasten(lease, due);
    }
    [[nodiscard]] Lease* lose_any(std::size_t own, Clock::time_point now) noexcept;
    void end_by_loss(Shard& shard, Lease& lease, Clock::time_point now, Errc reason) noexcept
        LEASELOCK_REQUIRES(shard.mutex);
    void lose(Shard& shard, Lease& lease, Clock::time_point now, Errc reason = Errc::lost) noexcept
        LEASELOCK_REQUIRES(shard.mutex);
    HoldMachine::Verdict settle(Shard& shard, Lease& lease, HoldMachine::Verdict verdict,
                                const Reply& reply, const HoldMachine& before,
                                Clock::time_point now) noexcept LEASELOCK_REQUIRES(shard.mutex);
    // A session with that store has ended: all that is held there is to be renewed now.
    void hurry(const Backend& backend, Clock::time_point now) noexcept;
    void ring_for(Clock::time_point due) noexcept;

    Alarm& alarm_;
    std::atomic<Clock::rep> next_check_{Clock::time_point::max().time_since_epoch().count()};
    std::atomic<Clock::rep> rung_for_{0};
    std::array<Shard, shard_count> shards_;
    OwnHolds own_;                     // of the heaps' shards
    Clock::time_point comes_again_{};  // the collector's: when all is seen that it may have missed
    TemplateTable templates_;
    const Backend* ended_ = nullptr;  // the LeaseTask's: whose session has ended, by a renewal
};

}  // namespace leaselock::detail

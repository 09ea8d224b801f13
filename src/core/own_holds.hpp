// Leases that were granted at once, in the hands of the threads that hold them: each of the first
// threads of a process has a few slots, which no other thread fills. So what is held for a moment
// costs its thread a store, and its release one atomic instruction, without a mutex and a heap.
// What is held for longer goes from here into the HoldTable before anything is due.
//
// A lease is that one's alone which takes it out of its slot: its holder, which releases it, or the
// HoldTable.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>

#include "core/lease.hpp"
#include "core/shard.hpp"

namespace leaselock::detail {

class OwnHolds {
  public:
    // As many as one thread may have here, and one shard.
    static constexpr std::size_t most = 8;

    // The lease, made and held by the calling thread, in its shard. False: that thread has no
    // slots, or none that is free.
    [[nodiscard]] bool add(Lease& lease) noexcept;
    // Of the lease's holder. False: it was never here, or the HoldTable has taken it.
    [[nodiscard]] bool take(Lease& lease) noexcept;
    // The lease that is in that slot of a shard; null: there is none.
    [[nodiscard]] Lease* take_at(std::size_t shard, std::size_t slot) noexcept;
    // Gives each lease that is in a shard to `taken`. It looks at each slot once: its thread may
    // fill one again meanwhile, and what is in the others is to be taken all the same.
    template <class Taken>
    void take_all(std::size_t shard, const Taken& taken) noexcept {
        for (std::size_t slot = 0; slot < most; ++slot) {
            if (Lease* const lease = take_at(shard, slot)) taken(*lease);
        }
    }
    // Whether there ever was one. A call of add() that is under way is seen here, or sees all that
    // was written before.
    [[nodiscard]] bool are_used() const noexcept { return are_used_.load(); }

  private:
    // On cache lines of its own.
    struct alignas(128) Slots {
        std::array<std::atomic<Lease*>, most> leases{};
    };

    std::array<Slots, shard_count> of_threads_{};
    std::atomic<bool> are_used_{false};
};

}  // namespace leaselock::detail

#include "core/own_holds.hpp"

#include <cstdint>

namespace leaselock::detail {

static_assert(OwnHolds::most < Lease::Hold::no_slot && shard_count <= Lease::Hold::no_slot + 1);

bool OwnHolds::add(Lease& lease) noexcept {
    const std::size_t own = own_number();
    if (own >= shard_count) return false;
    if (!are_used_.load(std::memory_order_relaxed)) are_used_.store(true);
    auto& leases = of_threads_[own].leases;
    for (std::size_t i = 0; i < leases.size(); ++i) {
        if (leases[i].load(std::memory_order_relaxed) != nullptr) continue;
        lease.hold.shard = own & Lease::Hold::no_slot;
        lease.hold.slot = i & Lease::Hold::no_slot;
        leases[i].store(&lease, std::memory_order_release);
        return true;
    }
    return false;
}

bool OwnHolds::take(Lease& lease) noexcept {
    if (lease.hold.slot == Lease::Hold::no_slot) return false;
    Lease* its = &lease;
    return of_threads_[lease.hold.shard].leases[lease.hold.slot].compare_exchange_strong(
        its, nullptr, std::memory_order_acq_rel, std::memory_order_relaxed);
}

Lease* OwnHolds::take_at(std::size_t shard, std::size_t slot) noexcept {
    std::atomic<Lease*>& its = of_threads_[shard].leases[slot];
    if (its.load(std::memory_order_relaxed) == nullptr) return nullptr;
    return its.exchange(nullptr, std::memory_order_acq_rel);
}

}  // namespace leaselock::detail

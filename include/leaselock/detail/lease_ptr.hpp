// What a guard holds: one owner's share of a lease. Not for users.
//
// Thread-safety: one pointer, one thread at a time.
#pragma once

#include <memory>

#include <leaselock/detail/export.hpp>

namespace leaselock::detail {

class Lease;

// One owner less; in a child nothing, since the lease is the parent's.
struct LeaseDrop {
    LEASELOCK_EXPORT void operator()(Lease* lease) const noexcept;
};
using LeasePtr = std::unique_ptr<Lease, LeaseDrop>;

}  // namespace leaselock::detail

// What the holder of a lease changes of it: its ttl, and how much of the lock it is.
//
// Thread-safety: of the guard's thread, as the guard.
#pragma once

#include <leaselock/lock_options.hpp>

#include "core/failure.hpp"

namespace leaselock::detail {

class Lease;

// Blocks for one command, or not at all. False, and why.
bool extend(Lease& lease, Duration ttl, Failure& failure);

// All of the lock becomes a reader's share. Blocks for one command. False, and why.
bool downgrade(Lease& lease, Failure& failure);

}  // namespace leaselock::detail

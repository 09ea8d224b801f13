// The part of the start-up check that is the same for every backend: a lock of its own is acquired,
// inspected, renewed and released, so that what will not work shows now and not at the first
// release.
#pragma once

#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/finding.hpp>
#include <leaselock/lock_options.hpp>

namespace leaselock::detail {

// Five commands, one after another, on a key that nobody else has. Adds one finding for each verb
// that the backend refuses. Throws LockError if the backend cannot be asked. Whatever goes wrong,
// the lock ends by its ttl of some seconds.
void self_check(const ManagerOptions& options, Backend& backend, std::vector<Finding>& findings);

}  // namespace leaselock::detail

// Waits for a lock, and for a signal that ends the wait.
#pragma once

#include <optional>

#include <leaselock/scoped_distributed_lock.hpp>

#include "cli/events.hpp"
#include "cli/options.hpp"
#include "cli/signals.hpp"
#include "cli/store.hpp"

namespace leaselock::cli {

struct Acquired {
    std::optional<ScopedDistributedLock> lock;
    int signal = 0;  // that came first; then there is no lock
};

// For the main thread. A backend that is not there at first is waited for as long as the user says,
// and told at once if he says nothing, or that nothing is waited for; one that is busy at first, or
// goes away later, is waited for. Throws LockNotAcquired, LockError, and LockLost
// if it was taken away again at once.
[[nodiscard]] Acquired acquire(Store& store, const Options& options, Signals& signals,
                               Events& events);

}  // namespace leaselock::cli

// Waits for a lock, and for what ends the wait; and releases it.
#pragma once

#include <optional>

#include <leaselock/scoped_distributed_lock.hpp>

#include "cli/events.hpp"
#include "cli/input.hpp"
#include "cli/options.hpp"
#include "cli/signals.hpp"
#include "cli/store.hpp"

namespace leaselock::cli {

// What ends a wait of the main thread before it has what it waits for.
struct Ends {
    Signals& signals;
    Events& events;
    Input input{};

    // The signal that wants us to end, if there is one; 0: there is none.
    [[nodiscard]] int request();
    [[nodiscard]] bool input_has_ended();
};

struct Acquired {
    std::optional<ScopedDistributedLock> lock;
    int signal = 0;  // that came first; then there is no lock, as if the input has ended first
};

// For the main thread. A backend that is not there at first is waited for as long as the user says,
// and reported at once if no time is given, or none to wait; one that is busy at first, or
// goes away later, is waited for. Throws LockNotAcquired, LockError, and LockLost
// if it was taken away again at once.
[[nodiscard]] Acquired acquire(Store& store, const Options& options, Ends& ends);

// The release; says on standard error if the lock may stay held for a while.
[[nodiscard]] ReleaseResult let_go(ScopedDistributedLock& lock);

}  // namespace leaselock::cli

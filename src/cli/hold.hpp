// leaselock hold: a lock that is held without a command, until standard input ends or a signal
// comes.
#pragma once

#include "cli/options.hpp"
#include "cli/store.hpp"

namespace leaselock::cli {

// Gives the exit status. For the main thread, before there is another one. Throws LockError,
// UsageError and std::system_error; then the lock is not held.
[[nodiscard]] int hold(Store& store, const Options& options);

}  // namespace leaselock::cli

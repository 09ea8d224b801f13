// leaselock run: a command that runs while a lock is held, and no longer.
#pragma once

#include "cli/options.hpp"
#include "cli/store.hpp"

namespace leaselock::cli {

// Gives the exit status. For the main thread, before there is another one. Throws LockError,
// UsageError and std::system_error; then the command does not run.
[[nodiscard]] int run(Store& store, const Options& options);

}  // namespace leaselock::cli

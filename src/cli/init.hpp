// leaselock init: a directory in which the users of a group share locks.
#pragma once

#include "cli/options.hpp"

namespace leaselock::cli {

// Gives the exit status. Throws LockError, and std::system_error if the output cannot be written.
[[nodiscard]] int init(const Options& options);

}  // namespace leaselock::cli

// A live view of the locks: on a terminal until somebody ends it, elsewhere as one snapshot behind
// the other.
#pragma once

#include "cli/options.hpp"
#include "cli/store.hpp"

namespace leaselock::cli {

// Gives the exit status. A store that is not there is reported at once; one that goes away later is
// waited for. Throws LockError at the first refresh, and std::system_error.
[[nodiscard]] int top(Store& store, const Options& options);

}  // namespace leaselock::cli

// leaselock bench: how fast the locks of this backend are, from here, in a few seconds.
#pragma once

#include "cli/options.hpp"
#include "cli/store.hpp"

namespace leaselock::cli {

// Measures a round trip (a look at a lock that is free), a cycle (acquire and release) and a
// hand-off (from a release to the next holder, which waits in another manager),
// each for options.bench_time, on a key of its own. Prints a record for each and gives the exit
// status. Throws LockError, and std::system_error where the output cannot be written.
[[nodiscard]] int bench(Store& store, const Options& options);

}  // namespace leaselock::cli

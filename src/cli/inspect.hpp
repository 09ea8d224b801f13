// What looks at locks and does not run anything: status, list, wait, release, doctor. Each prints
// what it has to tell and gives the exit status. Throws LockError, UsageError, and
// std::system_error where the output cannot be written.
#pragma once

#include <string>

#include <leaselock/lock_options.hpp>

#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/store.hpp"

namespace leaselock::cli {

// What is shown of a lock.
[[nodiscard]] Record lock_record(const std::string& key, const LockInfo& info);

[[nodiscard]] int status(Store& store, const Options& options);
[[nodiscard]] int list(Store& store, const Options& options);
// Polls now and then; makes no queue entry.
[[nodiscard]] int wait(Store& store, const Options& options);
[[nodiscard]] int release(Store& store, const Options& options);
[[nodiscard]] int doctor(Store& store, const Options& options);

}  // namespace leaselock::cli

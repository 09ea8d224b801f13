// Keys that others hold: what is told of them, and the one thing that may be done to them.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <string_view>
#include <vector>

#include <leaselock/lock_options.hpp>

#include "manager/failure.hpp"

namespace leaselock::detail {

class Core;

// As LockManager says. False, and why.
[[nodiscard]] bool inspect(Core& core, std::string_view key, std::string_view backend,
                           LockInfo& info, Failure& failure);
[[nodiscard]] bool force_release(Core& core, std::string_view key, std::string_view backend,
                                 LockInfo& freed, Failure& failure);
// As CountDownLatch::reset says. False, and why.
[[nodiscard]] bool end_latch(Core& core, std::string_view key, std::string_view backend, int count,
                             Failure& failure);
// Throws LockError.
[[nodiscard]] std::vector<ListedLock> list(Core& core, std::string_view pattern,
                                           std::string_view backend);

}  // namespace leaselock::detail

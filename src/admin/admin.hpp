// What operators ask: who holds a key, which keys are held, to free one by force, and whether a
// backend is fit to be used.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <string_view>
#include <vector>

#include <leaselock/finding.hpp>
#include <leaselock/lock_options.hpp>

#include "core/failure.hpp"

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
// As LockManager::check says. Throws LockError.
[[nodiscard]] std::vector<Finding> check(Core& core, std::string_view backend, CheckDepth depth);

}  // namespace leaselock::detail

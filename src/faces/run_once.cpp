#include <algorithm>
#include <fmt/core.h>

#include <leaselock/run_once.hpp>

#include "core/core.hpp"
#include "core/failure.hpp"
#include "faces/manager_access.hpp"

namespace leaselock::detail {

// The store keeps the lock of a process that died for its ttl, so that must not be shorter.
std::optional<ScopedDistributedLock> begin_run(LockManager& manager, std::string_view name,
                                               const LockOptions& options) {
    const Duration usual = ManagerAccess::core(manager)->options().default_ttl;
    LockOptions run = options;
    run.ttl = options.ttl.value_or(std::max(usual, options.min_hold));
    const Duration most = std::min(*run.ttl, options.max_hold.value_or(*run.ttl));
    if (options.min_hold > most) {
        throw LockError(Errc::invalid_option,
                        fmt::format("min_hold = {} ms, allowed are 0 to the least of ttl and "
                                    "max_hold, {} ms",
                                    options.min_hold.value().count(), most.value().count()));
    }
    return manager.try_acquire(name, run);
}

}  // namespace leaselock::detail

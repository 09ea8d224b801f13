// A scheduled job that all machines start at the same time, and one runs.
//
//     leaselock::run_once(locks, "nightly", {.min_hold = 1min}, [] { make_reports(); });
//
// What ShedLock gives by lockAtLeastFor and lockAtMostFor:
//   at least   `min_hold`: from its start on the job does not run again for this time, however soon
//              it ends, by an exception too, and if the process dies. So clocks of machines may
//              differ by that.
//   at most    `ttl` with Renewal::off: so long the job is alone, and so long the lock of a process
//              that died stays. With renewal, as usual, a longer job stays alone, up to `max_hold`,
//              and the lock of a process that died is free after the ttl.
// At most may not be less than at least: Errc::invalid_option. A ttl that is not given is the
// manager's, or `min_hold` if that is longer.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include <leaselock/acquired.hpp>
#include <leaselock/lock_manager.hpp>
#include <leaselock/lock_options.hpp>
#include <leaselock/scoped_distributed_lock.hpp>
#include <leaselock/with_lock.hpp>

namespace leaselock {

// Runs `job()` or `job(guard)`, unless it is running anywhere, or its min_hold is not over. Gives
// the job's result in a std::optional, which is empty if it did not run; a bool, whether it ran,
// for a job that gives nothing. Never waits for the lock, whatever the options say. What the job
// throws passes through. LockLost: it ran, and not alone all the time. LockError: it is not known
// whether it may run, and it did not.
// Blocks for one command, and for the job.
template <class Job>
auto run_once(LockManager& manager, std::string_view name, const LockOptions& options, Job&& job) {
    using Result = std::remove_cvref_t<decltype(detail::invoke_with(
        job, std::declval<ScopedDistributedLock&>()))>;
    auto guard = manager.try_acquire(name, options);
    if constexpr (std::is_void_v<Result>) {
        if (!guard) return false;
        detail::invoke_with(job, *guard);
        guard->ensure();
        return true;
    } else {
        std::optional<Result> result;
        if (!guard) return result;
        result.emplace(detail::invoke_with(job, *guard));
        guard->ensure();
        return result;
    }
}

}  // namespace leaselock

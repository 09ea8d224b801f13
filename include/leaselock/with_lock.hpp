// Functions under a lock: with_lock runs one now, synchronized makes one that always is.
//
//     auto total = leaselock::with_lock(locks, "report", {.wait = true}, [&] { return build(); });
//
// Both ask ensure() when the function is done: if the lease ended meanwhile, LockLost says that it
// may not have run alone, and its result is dropped. Both throw what a ScopedDistributedLock
// throws; the function is not run then. What the function throws passes through; the lock is
// released in any case.
//
// Thread-safety: all calls from all threads at once, as far as the given function allows it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <leaselock/detail/kept_options.hpp>
#include <leaselock/lock_manager.hpp>
#include <leaselock/lock_options.hpp>
#include <leaselock/scoped_distributed_lock.hpp>

namespace leaselock {

namespace detail {

// The function may take the guard.
template <class Function>
decltype(auto) invoke_with(Function& function, ScopedDistributedLock& guard) {
    if constexpr (std::is_invocable_v<Function&, ScopedDistributedLock&>) {
        return std::invoke(function, guard);
    } else {
        return std::invoke(function);
    }
}

}  // namespace detail

// Runs `function()` or `function(guard)` under the lock and gives its result. Blocks as
// LockManager::acquire does, then for the function. The release is sent and not waited for.
template <class Function>
decltype(auto) with_lock(LockManager& manager, std::string_view key, const LockOptions& options,
                         Function&& function) {
    ScopedDistributedLock guard{manager, key, options};
    using Result = decltype(detail::invoke_with(function, guard));
    if constexpr (std::is_void_v<Result>) {
        detail::invoke_with(function, guard);
        guard.ensure();
    } else {
        Result result = detail::invoke_with(function, guard);
        guard.ensure();
        return static_cast<Result>(std::forward<Result>(result));
    }
}
template <class Function>
decltype(auto) with_lock(LockManager& manager, std::string_view key, Function&& function) {
    return with_lock(manager, key, LockOptions{}, std::forward<Function>(function));
}

// A callable that runs `function` under the lock whenever it is called. `key` is a text, or a
// function of the call's arguments that gives one. The manager must outlive the callable; the
// options' texts are copied.
template <class Key, class Function>
[[nodiscard]] auto synchronized(LockManager& manager, Key key, const LockOptions& options,
                                Function function) {
    return
        [&manager, key = std::move(key), kept = detail::KeptOptions{options},
         function = std::move(function)]<class... Args>(Args&&... args) mutable -> decltype(auto) {
            const LockOptions call = kept.value();
            const auto run = [&]() -> decltype(auto) {
                return std::invoke(function, std::forward<Args>(args)...);
            };
            if constexpr (std::is_convertible_v<const Key&, std::string_view>) {
                return with_lock(manager, std::string_view{key}, call, run);
            } else {
                const std::string text{std::invoke(key, std::as_const(args)...)};
                return with_lock(manager, text, call, run);
            }
        };
}

}  // namespace leaselock

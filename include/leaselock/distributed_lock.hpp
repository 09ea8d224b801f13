// DISTRIBUTED_LOCK, as the first statement of a function, makes all of it a critical section:
//
//     Stock InventoryService::update_stock(ProductId productId, int quantity) {
//         DISTRIBUTED_LOCK(locks_, "stock-update-{{productId}}", {.ttl = 10s, .wait = true},
//         productId); return db_.decrement(productId, quantity);
//     }
//
// It cannot say afterwards that the lease ended meanwhile: use with_lock, or a guard and ensure(),
// where that matters.
//
// Thread-safety: everything may be used from all threads at once.
#pragma once

#include <type_traits>

#include <leaselock/detail/key_format.hpp>
#include <leaselock/key_macros.hpp>
#include <leaselock/lock_manager.hpp>
#include <leaselock/lock_options.hpp>
#include <leaselock/scoped_distributed_lock.hpp>

namespace leaselock::detail {

template <class... Args>
inline constexpr bool kStartsWithOptions = false;
template <class First, class... Rest>
inline constexpr bool kStartsWithOptions<First, Rest...> = std::is_same_v<First, LockOptions>;

// The forms of LEASELOCK_GUARD. The template comes a second time as text, in Call, since a function
// parameter is no constant.
template <CallText Call, class... Args>
ScopedDistributedLock lock_scope(LockManager& manager, const char* key_template,
                                 LockOptions options, const Args&... args) {
    if (options.key_template.empty()) options.key_template = key_template;
    return {manager, format_call_key<Call>(args...), options};
}
template <CallText Call, class... Args>
requires(!kStartsWithOptions<Args...>) ScopedDistributedLock
    lock_scope(LockManager& manager, const char* key_template, const Args&... args) {
    return lock_scope<Call>(manager, key_template, LockOptions{}, args...);
}
template <CallText Call, class... Args>
ScopedDistributedLock lock_scope(const char* key_template, const LockOptions& options,
                                 const Args&... args) {
    return lock_scope<Call>(default_manager(), key_template, options, args...);
}
template <CallText Call, class... Args>
requires(!kStartsWithOptions<Args...>) ScopedDistributedLock
    lock_scope(const char* key_template, const Args&... args) {
    return lock_scope<Call>(default_manager(), key_template, LockOptions{}, args...);
}

}  // namespace leaselock::detail

// LEASELOCK_GUARD([manager,] "template" [, {options}] [, arguments...]) -> ScopedDistributedLock
//
// A guard of the key that LEASELOCK_KEY(template, arguments...) would give; the template is a
// string literal. Without a manager: leaselock::default_manager(). Throws what that macro and the
// guard's constructor throw; blocks as LockManager::acquire does.
#define LEASELOCK_GUARD(...) \
    ::leaselock::detail::lock_scope<::leaselock::detail::CallText{#__VA_ARGS__}>(__VA_ARGS__)

// A statement: the same guard, until the end of the enclosing block.
#define LEASELOCK_DISTRIBUTED_LOCK(...)                                                \
    [[maybe_unused]] const auto LEASELOCK_DETAIL_JOIN(leaselock_guard_, __COUNTER__) = \
        LEASELOCK_GUARD(__VA_ARGS__)
#define LEASELOCK_DETAIL_JOIN(a, b) LEASELOCK_DETAIL_JOIN_NOW(a, b)
#define LEASELOCK_DETAIL_JOIN_NOW(a, b) a##b

// The short name. Define LEASELOCK_NO_SHORT_MACROS before the include to be without it.
#ifndef LEASELOCK_NO_SHORT_MACROS
#define DISTRIBUTED_LOCK(...) LEASELOCK_DISTRIBUTED_LOCK(__VA_ARGS__)
#endif

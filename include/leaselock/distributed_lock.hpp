// DISTRIBUTED_LOCK, as the first statement of a function, makes all of it a critical section:
//
//     Stock InventoryService::update_stock(ProductId productId, int quantity) {
//         DISTRIBUTED_LOCK(locks_, "stock-update-{{productId}}", {.wait = true}, productId);
//
//         return db_.decrement(productId, quantity);
//     }
//
// DISTRIBUTED_SHARED_LOCK takes a reader's share of the same lock: many may run it at once, and
// none while somebody has all of it.
//
// Its destructor cannot throw, so a function whose lease ended meanwhile returns as ever, and
// observers are notified (Observer::on_ended_after_loss). Where the caller has to know, the form
// with a body throws LockLost at its end, as with_lock does:
//
//     return WITH_DISTRIBUTED_LOCK(locks_, "stock-{{id}}", {.wait = true}, id) {
//         return db_.decrement(id, quantity);
//     };
//
// Before what cannot be undone: auto guard = LEASELOCK_GUARD(..), and guard.ensure().
//
// Thread-safety: everything may be used from all threads at once.
#pragma once

#include <concepts>
#include <string>
#include <type_traits>
#include <utility>

#include <leaselock/detail/key_format.hpp>
#include <leaselock/key_macros.hpp>  // IWYU pragma: keep
#include <leaselock/lock_manager.hpp>
#include <leaselock/lock_options.hpp>
#include <leaselock/scoped_distributed_lock.hpp>
#include <leaselock/with_lock.hpp>

namespace leaselock::detail {

template <class... Args>
inline constexpr bool kStartsWithOptions = false;
template <class First, class... Rest>
inline constexpr bool kStartsWithOptions<First, Rest...> = std::is_same_v<First, LockOptions>;

// The forms of LEASELOCK_GUARD and LEASELOCK_SHARED_GUARD: a reader's share, or what the options
// say. The template comes a second time as text, in Call, since a function parameter is no
// constant.
template <CallText Call, bool Reads, class... Args>
ScopedDistributedLock lock_scope(LockManager& manager, const char* key_template,
                                 LockOptions options, const Args&... args) {
    if (Reads) options.share = shared;
    if (options.key_template.empty()) options.key_template = key_template;
    return {manager, format_call_key<Call>(args...), options};
}
template <CallText Call, bool Reads, class... Args>
requires(!kStartsWithOptions<Args...>) ScopedDistributedLock
    lock_scope(LockManager& manager, const char* key_template, const Args&... args) {
    return lock_scope<Call, Reads>(manager, key_template, LockOptions{}, args...);
}
template <CallText Call, bool Reads, class... Args>
ScopedDistributedLock lock_scope(const char* key_template, const LockOptions& options,
                                 const Args&... args) {
    return lock_scope<Call, Reads>(default_manager(), key_template, options, args...);
}
template <CallText Call, bool Reads, class... Args>
requires(!kStartsWithOptions<Args...>) ScopedDistributedLock
    lock_scope(const char* key_template, const Args&... args) {
    return lock_scope<Call, Reads>(default_manager(), key_template, LockOptions{}, args...);
}

// What WITH_DISTRIBUTED_LOCK makes of its arguments: operator->* runs the body.
struct LockedBody {
    LockManager& manager;
    std::string key;
    LockOptions options;

    template <class Body>
    decltype(auto) operator->*(Body&& body) && {
        return with_lock(manager, key, options, std::forward<Body>(body));
    }
};
template <CallText Call, class... Args>
LockedBody lock_body(LockManager& manager, const char* key_template, LockOptions options,
                     const Args&... args) {
    if (options.key_template.empty()) options.key_template = key_template;
    return {manager, format_call_key<Call>(args...), options};
}
template <CallText Call, class... Args>
requires(!kStartsWithOptions<Args...>) LockedBody
    lock_body(LockManager& manager, const char* key_template, const Args&... args) {
    return lock_body<Call>(manager, key_template, LockOptions{}, args...);
}
template <CallText Call, class... Args>
LockedBody lock_body(const char* key_template, const LockOptions& options, const Args&... args) {
    return lock_body<Call>(default_manager(), key_template, options, args...);
}
template <CallText Call, class... Args>
requires(!kStartsWithOptions<Args...>) LockedBody
    lock_body(const char* key_template, const Args&... args) {
    return lock_body<Call>(default_manager(), key_template, LockOptions{}, args...);
}

// The same for coroutines: an awaitable, of <leaselock/async.hpp>.
template <CallText Call, class... Args>
auto async_lock_scope(LockManager& manager, const char* key_template, LockOptions options,
                      const Args&... args) {
    if (options.key_template.empty()) options.key_template = key_template;
    return manager.async_guard(format_call_key<Call>(args...), options);
}
template <CallText Call, class... Args>
requires(!kStartsWithOptions<Args...>) auto async_lock_scope(LockManager& manager,
                                                             const char* key_template,
                                                             const Args&... args) {
    return async_lock_scope<Call>(manager, key_template, LockOptions{}, args...);
}
template <CallText Call, class... Args>
auto async_lock_scope(const char* key_template, const LockOptions& options, const Args&... args) {
    return async_lock_scope<Call>(default_manager(), key_template, options, args...);
}
template <CallText Call, class... Args>
requires(!kStartsWithOptions<Args...>) auto async_lock_scope(const char* key_template,
                                                             const Args&... args) {
    return async_lock_scope<Call>(default_manager(), key_template, LockOptions{}, args...);
}

// What a manager is mistaken for.
template <class Manager>
concept NotTheManager = std::is_same_v<Manager, const LockManager> || requires(Manager& manager) {
    { *manager } -> std::convertible_to<const LockManager&>;
};
// Compilers quote these lines, with their advice.
// clang-format off
template <CallText Call, bool Reads>
void lock_scope() = delete;  // a lock has at least a template: ([manager,] "template" [, {options}] [, values...])
template <CallText Call>
void lock_body() = delete;  // a lock has at least a template: ([manager,] "template" [, {options}] [, values...])
template <CallText Call>
void async_lock_scope() = delete;  // a lock has at least a template: ([manager,] "template" [, {options}] [, values...])
template <CallText Call, bool Reads, NotTheManager Manager, class... Args>
void lock_scope(Manager& manager, const char*, const LockOptions&, const Args&...) = delete;  // the manager of a lock is a LockManager&, neither const nor a pointer: write *manager
template <CallText Call, bool Reads, NotTheManager Manager, class... Args>
requires(!kStartsWithOptions<Args...>)
void lock_scope(Manager& manager, const char*, const Args&...) = delete;  // the manager of a lock is a LockManager&, neither const nor a pointer: write *manager
// clang-format on

}  // namespace leaselock::detail

// LEASELOCK_GUARD([manager,] "template" [, {options}] [, arguments...]) -> ScopedDistributedLock
//
// (The parentheses around it all keep its commas together within another macro.)
//
// A guard of the key that LEASELOCK_KEY(template, arguments...) would give; the template is a
// string literal. Without a manager: leaselock::default_manager(). Throws what that macro and the
// guard's constructor throw; blocks as LockManager::acquire does.
#define LEASELOCK_GUARD(...)                                                                      \
    (::leaselock::detail::lock_scope<                                                             \
        ::leaselock::detail::well_spelled<::leaselock::detail::CallText{#__VA_ARGS__}>(), false>( \
        __VA_ARGS__))
// The same of a reader's share, whatever `share` the options say.
#define LEASELOCK_SHARED_GUARD(...)                                                              \
    (::leaselock::detail::lock_scope<                                                            \
        ::leaselock::detail::well_spelled<::leaselock::detail::CallText{#__VA_ARGS__}>(), true>( \
        __VA_ARGS__))

// co_await LEASELOCK_ASYNC_GUARD(..) gives the same guard to a coroutine, and throws what
// LEASELOCK_GUARD does; no thread is blocked. Needs <leaselock/async.hpp>.
#define LEASELOCK_ASYNC_GUARD(...)                                                         \
    (::leaselock::detail::async_lock_scope<                                                \
        ::leaselock::detail::well_spelled<::leaselock::detail::CallText{#__VA_ARGS__}>()>( \
        __VA_ARGS__))

// LEASELOCK_WITH_LOCK(..) { body }: an expression that runs the body under the lock and has its
// result, by value. The body is that of a lambda which captures all by reference, so `return` ends
// the body. At its end the lock is asked for: LockLost if it is not held any more.
#define LEASELOCK_WITH_LOCK(...)                                                           \
    ::leaselock::detail::lock_body<                                                        \
        ::leaselock::detail::well_spelled<::leaselock::detail::CallText{#__VA_ARGS__}>()>( \
        __VA_ARGS__)                                                                       \
            ->*[&]

// Statements: the same guards, until the end of the enclosing block. They have to stand in one:
// what follows `if (..)` without braces ends at its semicolon, and does not compile, since the
// second of the two declarations does not find the first.
#define LEASELOCK_DISTRIBUTED_LOCK(...)                                                            \
    LEASELOCK_DETAIL_STATEMENT(LEASELOCK_DETAIL_JOIN(a_lock_needs_braces_around_it_, __COUNTER__), \
                               LEASELOCK_GUARD(__VA_ARGS__))
#define LEASELOCK_DISTRIBUTED_SHARED_LOCK(...)                                                     \
    LEASELOCK_DETAIL_STATEMENT(LEASELOCK_DETAIL_JOIN(a_lock_needs_braces_around_it_, __COUNTER__), \
                               LEASELOCK_SHARED_GUARD(__VA_ARGS__))
#define LEASELOCK_DETAIL_STATEMENT(name, ...)                                    \
    [[maybe_unused]] const ::leaselock::detail::AnnotatedLock name{__VA_ARGS__}; \
    static_assert(sizeof(name) != 0)
#define LEASELOCK_DETAIL_JOIN(a, b) LEASELOCK_DETAIL_JOIN_NOW(a, b)
#define LEASELOCK_DETAIL_JOIN_NOW(a, b) a##b

// The short names. Define LEASELOCK_NO_SHORT_MACROS before the include to be without them.
#ifndef LEASELOCK_NO_SHORT_MACROS
#define DISTRIBUTED_LOCK(...) LEASELOCK_DISTRIBUTED_LOCK(__VA_ARGS__)
#define WITH_DISTRIBUTED_LOCK(...) LEASELOCK_WITH_LOCK(__VA_ARGS__)
#define DISTRIBUTED_SHARED_LOCK(...) LEASELOCK_DISTRIBUTED_SHARED_LOCK(__VA_ARGS__)
#endif

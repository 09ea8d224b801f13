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
#include <string_view>
#include <type_traits>
#include <utility>

#include <leaselock/claim.hpp>
#include <leaselock/detail/key_advice.hpp>
#include <leaselock/detail/key_format.hpp>
#include <leaselock/detail/key_lock_call.hpp>
#include <leaselock/detail/key_parse.hpp>
#include <leaselock/detail/key_text.hpp>
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

// What the macros make of a call: a guard, or a reader's one, ...
template <bool Reads>
struct GuardMade {
    static ScopedDistributedLock of(LockManager& manager, const std::string& key,
                                    const LockOptions& options) {
        if constexpr (Reads) {
            auto reader = options;
            reader.share = shared;
            return {manager, key, reader};
        } else {
            return {manager, key, options};
        }
    }
};
// ... what runs a body, by operator->*, ...
struct LockedBody {
    LockManager& manager;
    std::string key;
    LockOptions options;

    static LockedBody of(LockManager& manager, std::string&& key, const LockOptions& options) {
        return {manager, std::move(key), options};
    }
    template <class Body>
    decltype(auto) operator->*(Body&& body) && {
        return with_lock(manager, key, options, std::forward<Body>(body));
    }
};
// ... or what a coroutine awaits, which is known where <leaselock/async.hpp> is.
struct AsyncGuardMade {
    template <class Manager>
    static auto of(Manager& manager, const std::string& key, const LockOptions& options) {
        return manager.async_guard(key, options);
    }
};

// What a manager is mistaken for.
template <class Manager>
concept NotTheManager = std::is_same_v<Manager, const LockManager> || requires(Manager& manager) {
    { *manager } -> std::convertible_to<const LockManager&>;
};

[[nodiscard]] inline LockOptions named(LockOptions options, const char* key_template) {
    if (options.key_template.empty()) options.key_template = key_template;
    return options;
}

// The forms of a call; `% __LINE__` makes what is Made. The template comes a second time as text,
// in Call, since a function parameter is no constant.
template <CallText Call, class Made, class... Args>
[[nodiscard]] auto lock_call(Spelled, LockManager& manager, const char* key_template,
                             const LockOptions& options, const Args&... args) {
    using Source = CallKeySource<Call, Args...>;
    using Result = decltype(Made::of(manager, std::string{}, options));
    return judged<Source, Result>([&, all = named(options, key_template)] {
        return Made::of(manager, key_of<Source>(args...), all);
    });
}
template <CallText Call, class Made, class... Args>
requires(!kStartsWithOptions<Args...>)
    [[nodiscard]] auto lock_call(Spelled, LockManager& manager, const char* key_template,
                                 const Args&... args) {
    return lock_call<Call, Made>(Spelled{}, manager, key_template, LockOptions{}, args...);
}
template <CallText Call, class Made, class... Args>
[[nodiscard]] auto lock_call(Spelled, const char* key_template, const LockOptions& options,
                             const Args&... args) {
    return lock_call<Call, Made>(Spelled{}, default_manager(), key_template, options, args...);
}
template <CallText Call, class Made, class... Args>
requires(!kStartsWithOptions<Args...>)
    [[nodiscard]] auto lock_call(Spelled, const char* key_template, const Args&... args) {
    return lock_call<Call, Made>(Spelled{}, default_manager(), key_template, LockOptions{},
                                 args...);
}
template <CallText Call, class Made, NotTheManager Manager, class... Args>
[[nodiscard]] auto lock_call(Spelled, Manager&, const char*, const LockOptions&, const Args&...) {
    return misused<KeyFault::not_a_manager, ScopedDistributedLock>();
}
template <CallText Call, class Made, NotTheManager Manager, class... Args>
requires(!kStartsWithOptions<Args...>)
    [[nodiscard]] auto lock_call(Spelled, Manager&, const char*, const Args&...) {
    return misused<KeyFault::not_a_manager, ScopedDistributedLock>();
}

// Whether a class of this name was defined in the block where it is asked, or is a new one.
template <class T>
concept Defined = requires {
    sizeof(T);
};
template <class Block>
[[nodiscard]] constexpr auto in_block() {
    if constexpr (Defined<Block>) {
        return sound([] { return true; });
    } else {
        return misused<KeyFault::without_braces, bool>();
    }
}

}  // namespace leaselock::detail

#define LEASELOCK_DETAIL_CALL(made, text, ...)                                  \
    (::leaselock::detail::lock_call<::leaselock::detail::CallText{text}, made>( \
         ::leaselock::detail::spelling<::leaselock::detail::CallText{text}>() % \
         __LINE__ __VA_OPT__(, ) __VA_ARGS__) %                                 \
     __LINE__)

// LEASELOCK_GUARD([manager,] "template" [, {options}] [, arguments...]) -> ScopedDistributedLock
//
// A guard of the key that LEASELOCK_KEY(template, arguments...) would give; the template is a
// string literal. Without a manager: leaselock::default_manager(). Throws what that macro and the
// guard's constructor throw; blocks as LockManager::acquire does.
#define LEASELOCK_GUARD(...) \
    LEASELOCK_DETAIL_CALL(::leaselock::detail::GuardMade<false>, #__VA_ARGS__, __VA_ARGS__)
// The same of a reader's share, whatever `share` the options say.
#define LEASELOCK_SHARED_GUARD(...) \
    LEASELOCK_DETAIL_CALL(::leaselock::detail::GuardMade<true>, #__VA_ARGS__, __VA_ARGS__)

// co_await LEASELOCK_ASYNC_GUARD(..) gives the same guard to a coroutine, and throws what
// LEASELOCK_GUARD does; no thread is blocked. Needs <leaselock/async.hpp>.
#define LEASELOCK_ASYNC_GUARD(...) \
    LEASELOCK_DETAIL_CALL(::leaselock::detail::AsyncGuardMade, #__VA_ARGS__, __VA_ARGS__)

// LEASELOCK_WITH_LOCK(..) { body }: an expression that runs the body under the lock and has its
// result, by value. The body is that of a lambda which captures all by reference, so `return` ends
// the body. At its end the lock is asked for: LockLost if it is not held any more.
#define LEASELOCK_WITH_LOCK(...) \
    LEASELOCK_DETAIL_CALL(::leaselock::detail::LockedBody, #__VA_ARGS__, __VA_ARGS__)->*[&]

// Statements: the same guards, until the end of the enclosing block. They have to stand in one:
// what follows `if (..)` without braces ends at its semicolon, and does not compile: the second
// declaration does not find the struct of the first, and names one that has no size.
#define LEASELOCK_DISTRIBUTED_LOCK(...)                                                      \
    LEASELOCK_DETAIL_STATEMENT(LEASELOCK_DETAIL_JOIN(LeaselockBlock, __COUNTER__),           \
                               LEASELOCK_DETAIL_JOIN(leaselock_in_this_block_, __COUNTER__), \
                               ::leaselock::detail::GuardMade<false>, #__VA_ARGS__, __VA_ARGS__)
#define LEASELOCK_DISTRIBUTED_SHARED_LOCK(...)                                               \
    LEASELOCK_DETAIL_STATEMENT(LEASELOCK_DETAIL_JOIN(LeaselockBlock, __COUNTER__),           \
                               LEASELOCK_DETAIL_JOIN(leaselock_in_this_block_, __COUNTER__), \
                               ::leaselock::detail::GuardMade<true>, #__VA_ARGS__, __VA_ARGS__)
#define LEASELOCK_DETAIL_STATEMENT(block, name, made, text, ...) \
    [[maybe_unused]] const struct block {                        \
        ::leaselock::detail::AnnotatedLock lock;                 \
    } name{LEASELOCK_DETAIL_CALL(made, text, __VA_ARGS__)};      \
    static_assert(::leaselock::detail::in_block<struct block>() % __LINE__)
#define LEASELOCK_DETAIL_JOIN(a, b) LEASELOCK_DETAIL_JOIN_NOW(a, b)
#define LEASELOCK_DETAIL_JOIN_NOW(a, b) a##b

// The short names. Define LEASELOCK_NO_SHORT_MACROS before the include to be without them.
#ifndef LEASELOCK_NO_SHORT_MACROS
#define DISTRIBUTED_LOCK(...) LEASELOCK_DISTRIBUTED_LOCK(__VA_ARGS__)
#define WITH_DISTRIBUTED_LOCK(...) LEASELOCK_WITH_LOCK(__VA_ARGS__)
#define DISTRIBUTED_SHARED_LOCK(...) LEASELOCK_DISTRIBUTED_SHARED_LOCK(__VA_ARGS__)
#endif

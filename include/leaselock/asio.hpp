// Locks with asio's completion tokens, for programs on asio or Boost.Asio 1.74 or newer:
//
//     auto lock = co_await leaselock::async_acquire(locks, "task:42", {}, use_awaitable);
//     if (lock) co_await leaselock::async_release(*lock, use_awaitable);
//     bool open = co_await leaselock::async_wait(latch, use_awaitable);
//
// Optional: nothing else of leaselock includes it, and no library is linked for it. It uses what
// the file has included before, and else what is there; of both, asio, since nobody has that by
// chance. Define LEASELOCK_ASIO_USES_BOOST as 1 for Boost.Asio or 0 for asio to say it yourself.
//
// A handler runs by its associated executor, whose run() does not return before; never on a thread
// of the manager, and never before the call returns. What it throws goes where asio lets it go. One
// without an executor runs on a thread of asio's system_executor.
//
// A wait is ended by its std::stop_token, by its handler's cancellation slot (asio 1.19,
// Boost 1.77; every type of cancellation), and by the manager's destructor: then it gives nothing,
// as acquire() does. A context that is destroyed destroys the handlers that wait, as asio does with
// its own, and what they waited for is given up: a lock that is granted meanwhile is released. One
// that is stopped keeps its completions until it runs again or is destroyed, and with them the
// locks in them, which are renewed. An executor that does not give its context has to outlive its
// handlers.
//
// An executor to which a handler cannot be handed, for want of memory say, ends the program.
//
// Thread-safety: async_acquire and async_wait from all threads at once; async_release is a call of
// its guard.
#pragma once

#include <string>
#include <string_view>

#include <leaselock/acquired.hpp>
#include <leaselock/count_down_latch.hpp>
#include <leaselock/detail/asio_operation.hpp>
#include <leaselock/detail/kept_options.hpp>

namespace leaselock {
inline namespace LEASELOCK_ASIO_NAMES {

// LockManager::acquire: the lock, or nothing if it is contended. All else comes by the exception, a
// LockError that says what was asked and what went wrong; use_awaitable and use_future throw it.
using AcquireSignature = void(std::exception_ptr, Acquired<ScopedDistributedLock>);
// CountDownLatch::wait: whether it is open. All else comes by the exception, as above.
using LatchSignature = void(std::exception_ptr, bool);
// ScopedDistributedLock::release.
using ReleaseSignature = void(ReleaseResult);

// Does not block. The key and the texts of the options are copied; the manager lives until the call
// begins, which is at the co_await for tokens like use_awaitable and deferred. `stop` is one more
// way to end the wait. May throw bad_alloc.
template <detail::net::completion_token_for<AcquireSignature> Token>
auto async_acquire(LockManager& locks, std::string_view key, const LockOptions& options,
                   std::stop_token stop, Token&& token) {
    return detail::net::async_initiate<Token, AcquireSignature>(
        [&locks, key = std::string{key}, kept = detail::KeptOptions{options},
         stop = std::move(stop)]<class H>(H&& handler) {
            using Operation = detail::AsioOperation<AcquireAwaitable, std::decay_t<H>>;
            auto ends = detail::asio_stop(handler);
            Operation::start(std::forward<H>(handler), std::move(ends), stop,
                             [&](std::stop_token any) {
                                 return locks.async_acquire(key, kept.value(), std::move(any));
                             });
        },
        token);
}
template <detail::net::completion_token_for<AcquireSignature> Token>
auto async_acquire(LockManager& locks, std::string_view key, const LockOptions& options,
                   Token&& token) {
    return async_acquire(locks, key, options, std::stop_token{}, std::forward<Token>(token));
}

// Does not block. The latch lives until the call begins. `stop` is one more way to end the wait.
// May throw bad_alloc.
template <detail::net::completion_token_for<LatchSignature> Token>
auto async_wait(CountDownLatch& latch, std::stop_token stop, Token&& token) {
    return detail::net::async_initiate<Token, LatchSignature>(
        [&latch, stop = std::move(stop)]<class H>(H&& handler) {
            using Operation = detail::AsioOperation<LatchAwaitable, std::decay_t<H>>;
            auto ends = detail::asio_stop(handler);
            Operation::start(std::forward<H>(handler), std::move(ends), stop,
                             [&](std::stop_token any) { return latch.async_wait(std::move(any)); });
        },
        token);
}
template <detail::net::completion_token_for<LatchSignature> Token>
auto async_wait(CountDownLatch& latch, Token&& token) {
    return async_wait(latch, std::stop_token{}, std::forward<Token>(token));
}

// The guard holds nothing from the beginning of the call on, and may be destroyed then. Not
// cancelled by anything: a release that nobody waits for goes on.
template <detail::net::completion_token_for<ReleaseSignature> Token>
auto async_release(ScopedDistributedLock& lock, Token&& token) {
    return detail::net::async_initiate<Token, ReleaseSignature>(
        [&lock]<class H>(H&& handler) {
            using Operation = detail::AsioOperation<ReleaseAwaitable, std::decay_t<H>>;
            Operation::start(std::forward<H>(handler), std::stop_source{std::nostopstate}, {},
                             [&](const std::stop_token&) { return lock.async_release(); });
        },
        token);
}

}  // namespace LEASELOCK_ASIO_NAMES
}  // namespace leaselock

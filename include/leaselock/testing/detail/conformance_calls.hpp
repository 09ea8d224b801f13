// The two ways to ask a manager. The cases of the conformance suite that ask one are written for
// both: blocking calls, and coroutines for whose end the thread of the case waits.
#pragma once

#include <coroutine>
#include <exception>
#include <future>
#include <optional>
#include <stop_token>
#include <string_view>
#include <system_error>
#include <utility>

#include <leaselock/async.hpp>
#include <leaselock/lock_manager.hpp>

namespace leaselock::testing::detail {

struct Blocking {
    static std::optional<ScopedDistributedLock> acquire(LockManager& manager, std::string_view key,
                                                        const LockOptions& options = {}) {
        return manager.acquire(key, options);
    }
    static std::optional<ScopedDistributedLock> acquire(LockManager& manager, std::string_view key,
                                                        const LockOptions& options,
                                                        std::error_code& ec,
                                                        const std::stop_token& stop = {}) {
        return manager.acquire(key, options, stop, ec);
    }
    static ReleaseResult release(ScopedDistributedLock& lock) { return lock.release(); }
};

// A coroutine whose result a thread waits for. What it does not catch is thrown there.
template <class Result>
struct Promised {
    struct promise_type {
        Promised get_return_object() { return {result.get_future()}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_value(Result value) { result.set_value(std::move(value)); }
        void unhandled_exception() { result.set_exception(std::current_exception()); }

        std::promise<Result> result;
    };

    std::future<Result> result;
};

struct Awaited {
    using Lock = Acquired<ScopedDistributedLock>;

    static Lock acquire(LockManager& manager, std::string_view key,
                        const LockOptions& options = {}) {
        const auto run = [&]() -> Promised<Lock> {
            auto lock = co_await manager.async_acquire(key, options);
            co_return lock;
        };
        return run().result.get();
    }
    static Lock acquire(LockManager& manager, std::string_view key, const LockOptions& options,
                        std::error_code& ec, const std::stop_token& stop = {}) {
        const auto run = [&]() -> Promised<Lock> {
            auto lock = co_await manager.async_acquire(key, options, stop, ec);
            co_return lock;
        };
        return run().result.get();
    }
    static ReleaseResult release(ScopedDistributedLock& lock) {
        const auto run = [&]() -> Promised<ReleaseResult> {
            const ReleaseResult result = co_await lock.async_release();
            co_return result;
        };
        return run().result.get();
    }
};

}  // namespace leaselock::testing::detail

// The positive control of unnamed_locks.cpp: what has a name, and what is handed on, compiles.
#include <functional>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

#include <leaselock/leaselock.hpp>

using namespace leaselock;

static_assert(!std::is_constructible_v<bool, Acquired<ScopedDistributedLock>>, "and answers");
static_assert(std::is_constructible_v<bool, Acquired<ScopedDistributedLock>&>);
static_assert(std::is_convertible_v<Acquired<OwnedLock>, std::optional<OwnedLock>>);
static_assert(!std::is_copy_constructible_v<Acquired<ScopedDistributedLock>>);
static_assert(std::is_nothrow_move_constructible_v<Acquired<ScopedDistributedLock>>);
static_assert(std::is_nothrow_move_assignable_v<Acquired<ScopedDistributedLock>>);

void section();
std::optional<ScopedDistributedLock> handed_on(LockManager& locks) { return locks.acquire("key"); }

void named(LockManager& locks) {
    if (auto lock = locks.acquire("key")) section();
    if (const auto lock = locks.try_acquire("key"); lock && lock->owns_lock()) section();
    auto&& held = locks.acquire("key");
    if (!held || held == std::nullopt || !held.has_value()) held->ensure();
    Acquired<ScopedDistributedLock> lock;
    while ((lock = locks.try_acquire("key"))) lock.reset();
    while (!(lock = locks.try_acquire("key"))) section();
    std::optional<ScopedDistributedLock> kept = locks.acquire("key");
    while ((kept = locks.acquire("key"))) kept.reset();
    const ScopedDistributedLock guard = locks.acquire("key", {.wait = true}).value();
    const ScopedDistributedLock other = std::move(held).value();
    lock.value().ensure();
    ScopedDistributedLock last = std::move(*lock);
    last.ensure();
}

void called_back(LockManager& locks) {
    using Taken = std::optional<ScopedDistributedLock>;
    locks.async_acquire("key", {}, {}, [](Taken, std::error_code) {});
    locks.async_acquire("key", {}, {}, [](Taken&&, std::error_code) {});
    locks.async_acquire("key", {}, {}, [](const auto& lock, std::error_code) { (void)!lock; });
    locks.async_acquire("key", {}, {},
                        std::function<void(Acquired<ScopedDistributedLock>, std::error_code)>{});
}

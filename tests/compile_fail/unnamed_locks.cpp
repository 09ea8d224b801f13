// What is acquired and has no name is released at the end of its statement: to ask it, to use it or
// to drop it does not compile, whatever gives it.
#include <coroutine>
#include <optional>

#include <leaselock/leaselock.hpp>

using namespace leaselock;

struct Task {
    struct promise_type {
        Task get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() {}
    };
};

void section();

void asked(LockManager& locks) {
    if (locks.acquire("key")) section();                   // refused: write if (auto lock = ...)
    if (!locks.acquire("key")) section();                  // refused: write if (auto lock = ...)
    while (!locks.try_acquire("key")) section();           // refused: write if (auto lock = ...)
    if (locks.acquire("key") && true) section();           // refused: write if (auto lock = ...)
    if (locks.acquire("key").has_value()) section();       // refused: write auto lock = ...
    if (locks.acquire("key") != std::nullopt) section();   // refused: write auto lock = ...
    if (std::nullopt == locks.acquire("key")) section();   // refused: write auto lock = ...
    static_cast<void>(*locks.acquire("key"));              // refused: write .value()
    static_cast<void>(locks.acquire("key")->remaining());  // refused: write .value()
    if (ScopedDistributedLock{locks, "key"}) section();    // refused: write auto lock = ...
    if (LEASELOCK_GUARD(locks, "key")) section();          // refused: write auto lock = ...
    if (locks.acquire("key").value()) section();           // refused: write auto lock = ...
}

void asked_of_faces(LockManager& locks, DistributedSemaphore& permits, LockOwner& owner,
                    LeaderElection& election) {
    if (permits.acquire()) section();                 // refused: write if (auto lock = ...)
    if (permits.try_acquire(2)) section();            // refused: write if (auto lock = ...)
    if (owner.acquire("key")) section();              // refused: write if (auto lock = ...)
    if (owner.acquire("key").value()) section();      // refused: write auto lock = ...
    if (acquire_all(locks, {"a", "b"})) section();    // refused: write if (auto lock = ...)
    if (ScopedLockSet{locks, {"a", "b"}}) section();  // refused: write auto lock = ...
    if (election.campaign()) section();               // refused: write if (auto lock = ...)
    if (election.campaign().value()) section();       // refused: write auto lead = ...
}

Task awaited(LockManager& locks) {
    if (co_await locks.async_acquire("key")) section();  // refused: write if (auto lock = ...)
    locks.async_acquire("key");                          // refused: nodiscard
    co_await locks.async_acquire("key");                 // refused by clang: nodiscard
    co_await locks.async_guard("key");                   // refused by clang: nodiscard
}

void dropped(LockManager& locks, DistributedSemaphore& permits, LockOwner& owner,
             LeaderElection& election, CountDownLatch& latch, DistributedMutex& mutex) {
    locks.acquire("key");                     // refused: nodiscard
    locks.try_acquire("key");                 // refused: nodiscard
    locks.acquire("key").value();             // refused: nodiscard
    ScopedDistributedLock{locks, "key"};      // refused: nodiscard
    ScopedDistributedLock(locks, "key", {});  // refused: nodiscard
    LEASELOCK_GUARD(locks, "key");            // refused: nodiscard
    LEASELOCK_SHARED_GUARD(locks, "key");     // refused: nodiscard
    acquire_all(locks, {"a", "b"});           // refused: nodiscard
    ScopedLockSet{locks, {"a", "b"}};         // refused: nodiscard
    permits.acquire();                        // refused: nodiscard
    permits.try_acquire(2);                   // refused: nodiscard
    owner.acquire("key");                     // refused: nodiscard
    election.campaign();                      // refused: nodiscard
    latch.wait();                             // refused: nodiscard
    latch.try_wait();                         // refused: nodiscard
    mutex.try_lock();                         // refused: nodiscard
}

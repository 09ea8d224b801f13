// Goal: threads exclude each other through managers of one memory backend. Method: sixteen threads
// add to a plain number that only the lock guards, so a lost update, a fence out of order, or
// ThreadSanitizer shows two that were inside at once.
#include <atomic>
#include <gtest/gtest.h>
#include <memory>
#include <thread>
#include <vector>

#include <leaselock/leaselock.hpp>
#include <leaselock/memory_backend.hpp>

namespace leaselock {
namespace {

using namespace std::chrono_literals;

constexpr int threads = 16;
constexpr int entries = 250;

LockManager manager_of(const std::shared_ptr<Backend>& backend) {
    LockManager manager;
    manager.register_backend("shared", backend);
    manager.set_default_backend("shared");
    return manager;
}

// What the lock guards.
struct Guarded {
    int counter = 0;
    std::uint64_t last_fence = 0;
    int out_of_order = 0;

    void enter(std::uint64_t fence) {
        const int seen = counter;
        std::this_thread::yield();
        counter = seen + 1;
        if (fence <= last_fence) ++out_of_order;
        last_fence = fence;
    }
};

TEST(CounterThreads, LoseNoUpdateThroughGuards) {
    const auto backend = std::make_shared<MemoryBackend>();
    Guarded guarded;
    {
        std::vector<std::jthread> workers;
        for (int i = 0; i < threads; ++i) {
            workers.emplace_back([&] {
                LockManager locks = manager_of(backend);  // like a process of its own
                for (int n = 0; n < entries; ++n) {
                    const ScopedDistributedLock lock{
                        locks, "counter", {.wait_timeout = forever, .retry_delay = 1ms}};
                    guarded.enter(lock.fencing_token());
                }
            });
        }
    }
    EXPECT_EQ(guarded.counter, threads * entries);
    EXPECT_EQ(guarded.out_of_order, 0);
}

TEST(CounterThreads, LoseNoUpdateThroughOneMutex) {
    LockManager locks;
    DistributedMutex mutex{locks, "counter"};
    Guarded guarded;
    {
        std::vector<std::jthread> workers;
        for (int i = 0; i < threads; ++i) {
            workers.emplace_back([&] {
                for (int n = 0; n < entries; ++n) {
                    const std::scoped_lock lock{mutex};
                    guarded.enter(mutex.fencing_token());
                }
            });
        }
    }
    EXPECT_EQ(guarded.counter, threads * entries);
    EXPECT_EQ(guarded.out_of_order, 0);
}

}  // namespace
}  // namespace leaselock

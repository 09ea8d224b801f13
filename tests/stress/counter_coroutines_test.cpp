// Goal: coroutines of several managers, and threads beside them, exclude each other on Redis, and
// leave nothing there. Method: as with threads, a plain number that only the lock guards; a real
// server.
#include <atomic>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

#include <leaselock/async.hpp>
#include <leaselock/redis.hpp>

#include "support/coroutines.hpp"
#include "support/leaks.hpp"
#include "support/patient.hpp"
#include "support/poll_until.hpp"
#include "support/redis_server.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::Detached;

constexpr int managers = 3;
constexpr int coroutines = 32;  // of each manager
constexpr int entries = 5;

class Counter {
  public:
    void enter(std::uint64_t fence) {
        const int seen = value;
        std::this_thread::yield();
        value = seen + 1;
        if (fence <= last_fence) ++out_of_order;
        last_fence = fence;
    }

    int value = 0;
    int out_of_order = 0;

  private:
    std::uint64_t last_fence = 0;
};

Detached count(LockManager& locks, Counter& counter, std::atomic<int>& done) {
    for (int i = 0; i < entries; ++i) {
        auto lock = co_await locks.async_acquire("counter", {.wait_timeout = forever});
        counter.enter(lock->fencing_token());
        if (i % 2 == 0) continue;  // the guard releases
        (void)co_await lock->async_release();
    }
    ++done;
}

TEST(CounterCoroutines, LoseNoUpdateAndLeaveNothing) {
    support::RedisServer server;
    Counter counter;
    std::atomic<int> done{0};
    {
        std::vector<LockManager> all;
        all.reserve(managers);
        for (int i = 0; i < managers; ++i) all.push_back(connect(support::patient(server.url())));
        for (LockManager& locks : all) {
            for (int i = 0; i < coroutines; ++i) count(locks, counter, done);
        }
        const std::jthread thread{[&] {
            for (int i = 0; i < entries; ++i) {
                const ScopedDistributedLock lock{all.front(), "counter", {.wait_timeout = forever}};
                counter.enter(lock.fencing_token());
            }
        }};
        EXPECT_TRUE(support::poll_until([&] { return done == managers * coroutines; }, 50s));
    }
    EXPECT_EQ(counter.value, (managers * coroutines + 1) * entries);
    EXPECT_EQ(counter.out_of_order, 0);
    EXPECT_EQ(server.cli("EXISTS", "hazel:lock:counter", "{hazel:lock:counter}:ll:2q"), "0");
    EXPECT_TRUE(support::keys_without_ttl(server).empty());
}

}  // namespace
}  // namespace leaselock

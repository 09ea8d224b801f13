// Goal: where memory runs out at any place, on any thread, the program goes on: each call gets
// bad_alloc or a code, each callback is called, nobody holds beside another one, and all is free in
// the end. Method: every n-th allocation of the whole program fails while threads use all kinds of
// calls, on each backend.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <gtest/gtest.h>
#include <latch>
#include <memory>
#include <mutex>
#include <new>
#include <random>
#include <shared_mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/async.hpp>
#include <leaselock/file.hpp>
#include <leaselock/leaselock.hpp>
#include <leaselock/memory_backend.hpp>
#include <leaselock/redis.hpp>

#include "support/poll_until.hpp"
#include "support/redis_server.hpp"
#include "support/temp_dir.hpp"

namespace {

std::atomic<long> every{0};  // 0: none fails
std::atomic<long> allocations{0};

bool may_allocate(std::size_t /*size*/) noexcept {
    const long n = every.load(std::memory_order_relaxed);
    return n == 0 || allocations.fetch_add(1, std::memory_order_relaxed) % n != 0;
}

}  // namespace

#include "support/failing_new.hpp"
#include "support/patient.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

struct Silent final : Observer {};

// What the threads do, each with dice of its own.
class Storm {
  public:
    explicit Storm(const std::shared_ptr<Backend>& backend)
        : locks_{{.backend = "store", .observer = std::make_shared<Silent>()}} {
        locks_.register_backend("store", backend);
    }

    // Of the allocations the n-th, 2n-th and so on fail.
    void run(std::chrono::milliseconds time, long n) {
        std::latch begin{threads + 1};
        std::vector<std::jthread> all;
        for (unsigned i = 0; i < threads; ++i) {
            all.emplace_back([this, i, &begin, time] {
                std::minstd_rand dice{i + 1};
                begin.arrive_and_wait();
                const auto end = std::chrono::steady_clock::now() + time;
                while (std::chrono::steady_clock::now() < end) one_call(dice);
            });
        }
        every = n;
        begin.count_down();
        all.clear();
        every = 0;
    }
    void expect_all_is_well() {
        EXPECT_EQ(two_inside_, 0);
        EXPECT_TRUE(support::poll_until([&] { return called_ == asked_; }))
            << called_ << " of " << asked_ << " callbacks";
        for (const std::string& key : keys_) {
            EXPECT_TRUE(locks_.acquire(key, {.wait_timeout = 20s})) << key;
        }
        EXPECT_GT(entered_, 0);
    }

  private:
    static constexpr unsigned threads = 4;

    void one_call(std::minstd_rand& dice) {
        const std::size_t which = dice() % keys_.size();
        const std::string& key = keys_[which];
        std::error_code ec;
        try {
            switch (dice() % 12) {
                case 0:
                case 7:
                case 8:
                case 9: by_callback(key); break;
                case 1: by_mutex(); break;
                case 2:
                    (void)acquire_all(locks_, {keys_[0], keys_[1]}, {.wait_timeout = 20ms});
                    break;
                case 3: by_owner(key); break;
                case 4: inspect(key); break;
                case 5: by_permits(); break;
                case 6: renewed(); break;
                default: by_guard(which, dice); break;
            }
        } catch (const std::bad_alloc&) {
        } catch (const Error&) {
        }
    }
    void by_guard(std::size_t which, std::minstd_rand& dice) {
        LockOptions options{.ttl = 1min};
        if (dice() % 2 == 0) options.wait_timeout = 20ms;
        std::error_code ec;
        auto lock = locks_.acquire(keys_[which], options, ec);
        if (!lock) return;
        ++entered_;
        if (inside_[which].fetch_add(1) != 0) ++two_inside_;
        try {
            if (dice() % 4 == 0) (void)lock->lost();
            if (dice() % 4 == 0) lock->extend(2min, ec);
        } catch (const std::bad_alloc&) {
        }
        --inside_[which];
        if (dice() % 2 == 0) lock->release(ec);
    }
    void by_callback(const std::string& key) {
        ++asked_;
        try {
            locks_.async_acquire(key, {.wait_timeout = 20ms}, {},
                                 [this](auto, std::error_code) { ++called_; });
        } catch (const std::bad_alloc&) {
            --asked_;
        }
    }
    void by_mutex() {
        SharedDistributedMutex mutex{locks_, "mutex"};
        if (std::unique_lock writing{mutex, 20ms}) mutex.ensure();
        if (std::shared_lock reading{mutex, 20ms}) mutex.ensure();
    }
    void by_owner(const std::string& key) {
        LockOwner owner{locks_};
        const auto outer = owner.acquire(key, {.wait_timeout = 20ms});
        if (!outer) return;
        auto inner = owner.acquire(key);
        (void)inner->lost();
    }
    void by_permits() {
        DistributedSemaphore permits{locks_, "permits", 2, {.wait_timeout = 20ms}};
        (void)permits.acquire();
        (void)permits.available();
    }
    void renewed() {
        const auto lock = locks_.acquire("renewed", {.ttl = 30ms});
        (void)support::poll_until([&] { return !lock || !lock->owns_lock(); }, 60ms);
    }
    void inspect(const std::string& key) {
        (void)locks_.inspect(key);
        (void)locks_.list("storm-*");
        (void)locks_.stats_by_template();
        std::ostringstream out;
        locks_.write_metrics(out);
    }

    LockManager locks_;
    const std::array<std::string, 3> keys_{"storm-of-a-key-that-is-long-1",
                                           "storm-of-a-key-that-is-long-2",
                                           "storm-of-a-key-that-is-long-3"};
    std::array<std::atomic<int>, 3> inside_{};
    std::atomic<int> two_inside_{0};
    std::atomic<int> entered_{0};
    std::atomic<int> asked_{0};
    std::atomic<int> called_{0};
};

void expect_survives(const std::shared_ptr<Backend>& backend) {
    for (const long n : {23, 61, 173}) {
        Storm storm{backend};
        storm.run(400ms, n);
        storm.expect_all_is_well();
    }
}

TEST(NoMemoryStorm, IsSurvivedInMemory) { expect_survives(std::make_shared<MemoryBackend>()); }

TEST(NoMemoryStorm, IsSurvivedWithFiles) {
    const support::TempDir directory;
    expect_survives(make_file_backend({.directory = directory.path()}));
}

TEST(NoMemoryStorm, IsSurvivedOnRedis) {
    support::RedisServer server;
    expect_survives(make_redis_backend({.url = support::patient(server.url())}));
}

}  // namespace
}  // namespace leaselock

// Goal: a manager has as many threads and connections as docs/guide/processes.md says, each from
// the call on that needs it, and none when it is gone; and a hundred of one backend share its
// connections. Method: a real redis-server lists its clients, and the kernel our threads.
#include <algorithm>
#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <leaselock/async.hpp>
#include <leaselock/leaselock.hpp>
#include <leaselock/redis.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "support/leaks.hpp"
#include "support/patient.hpp"
#include "support/poll_until.hpp"
#include "support/redis_server.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::poll_until;
using support::running_threads;

class RedisFootprint : public ::testing::Test {
  protected:
    // Those of leaselock: the test has one, by which it asks.
    [[nodiscard]] std::size_t connections() {
        const std::string clients = server_.cli("CLIENT", "LIST");
        return static_cast<std::size_t>(std::count(clients.begin(), clients.end(), '\n')) - 1;
    }
    void expect(std::size_t threads, std::size_t connections, const char* after) {
        EXPECT_TRUE(poll_until([&] {
            return running_threads() == threads_ + threads && this->connections() == connections;
        })) << after
            << ": threads " << running_threads() - threads_ << ", connections "
            << this->connections();
    }

    support::RedisServer server_;
    std::size_t threads_ = support::threads_at_start();
};

TEST_F(RedisFootprint, IsThreeThreadsAndTwoConnectionsAtMost) {
    {
        LockManager locks = connect(support::patient(server_.url()));
        expect(0, 0, "the manager was made");

        auto held = locks.acquire("key", {.ttl = 1h});
        ASSERT_TRUE(held.has_value());
        expect(1, 1, "an acquire");
        const auto soon_due = locks.acquire("soon due", {.ttl = 3s});
        EXPECT_TRUE(poll_until([&] { return locks.stats().renewed > 0; }));
        expect(1, 1, "a renewal");

        const std::stop_token lost = held->lost();
        expect(2, 1, "lost()");

        std::promise<void> done;
        locks.async_acquire("other", {}, {}, [&](auto, std::error_code) { done.set_value(); });
        done.get_future().get();
        expect(3, 1, "an asynchronous call");

        EXPECT_FALSE(granted(locks.acquire("key", {.wait_timeout = 100ms})));
        expect(3, 2, "a wait");
        EXPECT_FALSE(lost.stop_requested());
    }
    expect(0, 0, "its end");
}

// One of many managers: it holds a lock, and does what those of its kind do.
class OneOfMany {
  public:
    enum class Kind { holds, watches, awaits, waits };

    OneOfMany(const std::shared_ptr<Backend>& backend, int number)
        : kind_{static_cast<Kind>(number % 4)}, name_{"key " + std::to_string(number)} {
        manager_.register_backend("redis", backend);
        manager_.set_default_backend("redis");
        held_ = manager_.acquire(name_, {.ttl = 1h});
        EXPECT_TRUE(held_.has_value());
    }
    OneOfMany(const OneOfMany&) = delete;
    OneOfMany& operator=(const OneOfMany&) = delete;
    ~OneOfMany() { stop_.request_stop(); }

    void begin() {
        if (kind_ == Kind::watches) lost_ = held_->lost();
        if (kind_ == Kind::awaits) await();
        if (kind_ == Kind::waits) wait();
    }
    void begin_all() {
        lost_ = held_->lost();
        await();
        wait();
    }
    // A caller that waits blocks a thread of the test.
    [[nodiscard]] static constexpr std::size_t threads_of(int managers) {
        const auto all = static_cast<std::size_t>(managers);
        const std::size_t callers = all / 4;
        return all / 4 + all / 4 + callers;  // callbacks, coroutines
    }

  private:
    void await() {
        std::promise<void> done;
        manager_.async_acquire(name_ + " too", {}, {},
                               [&](auto, std::error_code) { done.set_value(); });
        done.get_future().get();
    }
    void wait() {
        caller_ = std::jthread{[this] {
            std::error_code ec;
            (void)manager_.acquire(name_, {.wait_timeout = forever}, stop_.get_token(), ec);
            EXPECT_EQ(ec, Errc::cancelled);
        }};
    }

    const Kind kind_;
    const std::string name_;
    LockManager manager_;
    std::optional<ScopedDistributedLock> held_;
    std::stop_token lost_;
    std::stop_source stop_;
    std::jthread caller_;  // the last: it uses the others
};

TEST_F(RedisFootprint, IsOneEngineAndTwoConnectionsForAHundredManagers) {
    constexpr int managers = 100;
    {
        const std::shared_ptr<Backend> backend =
            make_redis_backend({.url = support::patient(server_.url())});
        std::vector<std::unique_ptr<OneOfMany>> all;
        for (int i = 0; i < managers; ++i) all.push_back(std::make_unique<OneOfMany>(backend, i));
        expect(1, 1, "each holds a lock");
        for (const auto& each : all) each->begin();
        expect(1 + OneOfMany::threads_of(managers), 2, "all do what they do");
    }
    expect(0, 0, "their end");
}

// What a manager has at most: callbacks, coroutines and a caller that waits.
TEST_F(RedisFootprint, IsTwoThreadsForEachManagerThatDoesAll) {
    constexpr std::size_t managers = 20;
    {
        const std::shared_ptr<Backend> backend =
            make_redis_backend({.url = support::patient(server_.url())});
        std::vector<std::unique_ptr<OneOfMany>> all;
        for (std::size_t i = 0; i < managers; ++i) {
            all.push_back(std::make_unique<OneOfMany>(backend, static_cast<int>(i)));
            all.back()->begin_all();
        }
        expect(1 + 2 * managers + managers, 2, "all do all of it, each with a thread that waits");
    }
    expect(0, 0, "their end");
}

TEST(MemoryFootprint, IsOneThreadForAllManagersOfAProcess) {
    const std::size_t before = support::threads_at_start();
    {
        std::vector<LockManager> all(20);
        for (LockManager& locks : all) {
            auto lock = locks.acquire("key", {.ttl = 1h});
            EXPECT_TRUE(lock.has_value());
        }
        EXPECT_EQ(running_threads(), before + 1);
    }
    EXPECT_TRUE(poll_until([&] { return running_threads() == before; }));
}

}  // namespace
}  // namespace leaselock

// Goal: a manager on Redis has as many threads and connections as README.md says, each from the
// call on that needs it, and none when it is gone. Method: a real redis-server lists its clients,
// and the kernel our threads.
#include <algorithm>
#include <filesystem>
#include <future>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <unistd.h>

#include <leaselock/async.hpp>
#include <leaselock/leaselock.hpp>
#include <leaselock/redis.hpp>

#include "support/leaks.hpp"
#include "support/poll_until.hpp"
#include "support/redis_server.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::poll_until;
using support::running_threads;

class RedisFootprint : public ::testing::Test {
  protected:
    // A sanitizer has a thread of its own from the first one of the program on.
    [[nodiscard]] static std::size_t threads_before() {
        std::string its_entry;
        std::thread{[&] { its_entry = "/proc/self/task/" + std::to_string(::gettid()); }}.join();
        EXPECT_TRUE(poll_until([&] { return !std::filesystem::exists(its_entry); }));
        return running_threads();
    }
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
    std::size_t threads_ = threads_before();
};

TEST_F(RedisFootprint, IsFourThreadsAndTwoConnectionsAtMost) {
    {
        LockManager locks = connect(server_.url());
        expect(0, 0, "the manager was made");

        auto held = locks.acquire("key", {.ttl = 1h});
        ASSERT_TRUE(held.has_value());
        expect(2, 1, "an acquire");
        const auto soon_due = locks.acquire("soon due", {.ttl = 3s});
        EXPECT_TRUE(poll_until([&] { return locks.stats().renewed > 0; }));
        expect(2, 1, "a renewal");

        const std::stop_token lost = held->lost();
        expect(3, 1, "lost()");

        std::promise<void> done;
        locks.async_acquire("other", {}, {}, [&](auto, std::error_code) { done.set_value(); });
        done.get_future().get();
        expect(4, 1, "an asynchronous call");

        EXPECT_FALSE(locks.acquire("key", {.wait_timeout = 100ms}));
        expect(4, 2, "a wait");
        EXPECT_FALSE(lost.stop_requested());
    }
    expect(0, 0, "its end");
}

}  // namespace
}  // namespace leaselock

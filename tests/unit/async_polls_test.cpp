// Goal: the polls of many coroutines that wait leave together, and none is late or much too early
// for that. Method: a store that counts in how many writes it is asked, and a clock that is moved
// by a millisecond at a time.
#include <atomic>
#include <gtest/gtest.h>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include <leaselock/async.hpp>
#include <leaselock/leaselock.hpp>
#include <leaselock/memory_backend.hpp>
#include <leaselock/testing/manual_clock.hpp>

#include "support/coroutines.hpp"
#include "support/poll_until.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

class CountsWrites final : public Backend {
  public:
    void submit(std::span<Operation* const> operations) noexcept override {
        if (operations.front()->request.verb == Verb::acquire) {
            ++writes;
            polls += static_cast<int>(operations.size());
        }
        store_.submit(operations);
    }
    void forget(Listener& listener) noexcept override { store_.forget(listener); }

    std::atomic<int> writes{0};
    std::atomic<int> polls{0};

  private:
    MemoryBackend store_;
};

support::Detached wait_for(LockManager& locks, std::string key, std::stop_token stop,
                           std::atomic<int>& left) {
    (void)co_await locks.async_acquire(key, {.wait_timeout = forever}, stop);
    --left;
}

TEST(AsyncPolls, OfManyThatWaitLeaveTogether) {
    constexpr int count = 200;
    const auto clock =
        std::make_shared<testing::ManualClock>(testing::ManualClock::Sleep::blocking);
    const auto store = std::make_shared<CountsWrites>();
    LockManager locks{{.clock = clock}};
    locks.register_backend("store", store);
    locks.set_default_backend("store");
    std::vector<ScopedDistributedLock> held;
    std::stop_source stop;
    std::atomic<int> left{count};
    for (int i = 0; i < count; ++i) {
        const std::string key = "key-" + std::to_string(i);
        held.push_back(locks.acquire(key).value());
        wait_for(locks, key, stop.get_token(), left);
    }
    clock->wait_for_background();
    store->writes = store->polls = 0;
    const auto pass = [&](std::chrono::milliseconds time) {
        for (; time > 0ms; time -= 1ms) {
            clock->advance(1ms);
            clock->wait_for_background();
        }
    };
    pass(64ms);
    EXPECT_EQ(store->polls, 0) << "three quarters of retry_delay, and 10 ms";
    pass(61ms);
    EXPECT_EQ(store->polls, count) << "five quarters of retry_delay";
    EXPECT_LE(store->writes, 12) << "50 without; those of 10 ms are more than leave in one write";
    stop.request_stop();
    EXPECT_TRUE(support::poll_until([&] { return left == 0; }));
}

}  // namespace
}  // namespace leaselock

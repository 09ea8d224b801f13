// Goal: many coroutines that ask at the same time do not all wait until each of them has asked: the
// store gets the first operations while the others are still being made. Method: a memory store
// that counts what is submitted to it together.
#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include <leaselock/async.hpp>
#include <leaselock/memory_backend.hpp>

#include "support/coroutines.hpp"
#include "support/poll_until.hpp"

namespace leaselock {
namespace {

class BatchCounter final : public Backend {
  public:
    using Backend::submit;
    void submit(std::span<Operation* const> operations) noexcept override {
        std::size_t seen = largest_;
        while (seen < operations.size() &&
               !largest_.compare_exchange_weak(seen, operations.size())) {
        }
        store_.submit(operations);
    }
    [[nodiscard]] std::size_t largest() const { return largest_; }

  private:
    MemoryBackend store_;
    std::atomic<std::size_t> largest_{0};
};

TEST(AsyncBatch, FirstOperationsOfManyLeaveBeforeTheLastIsMade) {
    constexpr int count = 200;
    const auto store = std::make_shared<BatchCounter>();
    LockManager locks;
    locks.register_backend("store", store);
    locks.set_default_backend("store");
    std::atomic<int> done{0};
    const auto cycle = [&](std::string key) -> support::Detached {
        auto lock = co_await locks.async_acquire(key);
        if (lock && co_await lock->async_release() == ReleaseResult::released) ++done;
    };
    // On the thread that drives them, so that all are there when it goes on.
    const auto begin = [&]() -> support::Detached {
        auto lock = co_await locks.async_acquire("first");
        for (int i = 0; i < count; ++i) cycle("key-" + std::to_string(i));
        if (lock && co_await lock->async_release() == ReleaseResult::released) ++done;
    };
    begin();
    EXPECT_TRUE(support::poll_until([&] { return done == count + 1; }));
    EXPECT_GT(store->largest(), 1U);
    EXPECT_LE(store->largest(), 32U);
}

}  // namespace
}  // namespace leaselock

// Goal: the end of a manager delivers what is owed, tells what is lost, and keeps nobody waiting
// for longer than it says. Method: a clock that stands still until it is moved, and stores that
// fail or answer on demand.
#include <future>
#include <gtest/gtest.h>
#include <latch>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include <leaselock/memory_backend.hpp>

#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using Sleep = testing::ManualClock::Sleep;

class ManagerEnd : public ::testing::Test {
  protected:
    // What is owed is delivered at the end, and nobody waits for a time that does not come.
    void TearDown() override { world_.backend->heal(); }

    ManagerWorld world_{Sleep::blocking};
};

TEST_F(ManagerEnd, GuardThatOutlivesItsManagerIsLostAndStillReleases) {
    std::optional<ScopedDistributedLock> lock;
    std::stop_token lost;
    {
        LockManager brief = world_.make("brief:3");
        lock = brief.acquire("key", {.ttl = 1h});
        lost = lock->lost();
    }
    EXPECT_TRUE(lost.stop_requested());
    EXPECT_FALSE(lock->owns_lock());
    EXPECT_TRUE(world_.other.inspect("key").held);
    lock.reset();
    EXPECT_FALSE(world_.other.inspect("key").held);
}

// A callback that blocks, and a release that is not delivered.
TEST_F(ManagerEnd, ManagerWaitsForAllThatIsUnderWayNoLongerThanItIsAllowed) {
    const auto clock = std::make_shared<testing::ManualClock>(Sleep::self_advancing);
    const auto begin = clock->now();
    const auto over = std::make_shared<std::latch>(1);
    const auto called = std::make_shared<std::latch>(1);
    {
        LockManager locks{{.clock = clock, .shutdown_timeout = 3s}};
        locks.register_backend("store", world_.backend);
        locks.set_default_backend("store");
        locks.async_acquire("other", {}, {}, [over, called](auto, std::error_code) {
            called->count_down();
            over->wait();
        });
        called->wait();
        const auto lock = locks.acquire("key", {.ttl = 1h});
        ASSERT_TRUE(lock.has_value());
        world_.backend->fail_all({.error = Errc::busy});
    }
    EXPECT_LE(clock->now() - begin, 3s);
    over->count_down();
}

// A store whose answers to releases come when the test says so.
class SlowReleases final : public Backend {
  public:
    using Backend::submit;

    void submit(std::span<Operation* const> operations) noexcept override {
        for (Operation* const operation : operations) {
            if (operation->request.verb == Verb::release) {
                kept_.push_back(operation);
            } else {
                store_.submit(*operation);
            }
        }
    }
    void cancel(Operation& operation) noexcept override {
        if (std::erase(kept_, &operation) > 0) operation.fail(Errc::command_timed_out, {});
    }
    void answer_next() {
        Operation& next = *kept_.front();
        kept_.erase(kept_.begin());
        store_.submit(next);
    }

  private:
    MemoryBackend store_;
    std::vector<Operation*> kept_;
};

TEST_F(ManagerEnd, EndOfAManagerWaitsForAnswersAndNotForATime) {
    const auto store = std::make_shared<SlowReleases>();
    auto brief = std::make_optional<LockManager>(ManagerOptions{.clock = world_.clock});
    brief->register_backend("store", store);
    brief->set_default_backend("store");
    {
        const auto first = brief->acquire("a", {.ttl = 1h});
        const auto second = brief->acquire("b", {.ttl = 1h});
        ASSERT_TRUE(first.has_value() && second.has_value());
    }
    const auto begin = world_.clock->now();
    auto end = std::async(std::launch::async, [&] { brief.reset(); });
    world_.clock->wait_for_sleepers();
    for (int i = 0; i < 2; ++i) {
        world_.clock->wait_for_background();
        store->answer_next();
    }
    EXPECT_EQ(end.wait_for(10s), std::future_status::ready);
    EXPECT_EQ(world_.clock->now(), begin);
    world_.clock->advance(1min);  // what waits for a time does so no longer
}

}  // namespace
}  // namespace leaselock

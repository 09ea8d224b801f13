// Goal: a forced release hits the holder that was seen and no other, hands over, is reported to
// all that it concerns, and says what is not known. Method: a memory backend whose commands
// are held up and fail as told, on a clock that is moved by hand.
#include <future>
#include <gtest/gtest.h>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "support/poll_until.hpp"
#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::poll_until;

class Forced final : public Observer {
  public:
    void on_force_released(const LockEvent& event) override {
        const std::lock_guard lock{mutex_};
        events_.push_back(event);
    }
    [[nodiscard]] std::vector<LockEvent> events() {
        const std::lock_guard lock{mutex_};
        return events_;
    }

  private:
    std::mutex mutex_;
    std::vector<LockEvent> events_;
};

class ForceRelease : public ::testing::Test {
  protected:
    ManagerWorld world_{testing::ManualClock::Sleep::blocking};
    LockManager& holder_ = world_.manager;
    LockManager& other_ = world_.other;
    std::error_code ec_;
};

TEST_F(ForceRelease, WhoComesBetweenInspectionAndReleaseIsNotHit) {
    auto first = holder_.acquire("key", {.ttl = 1h});
    std::optional<ScopedDistributedLock> second;
    // When the release is about to run, the lock has gone to somebody else.
    world_.backend->on_help([&](const Request& request) {
        if (request.verb != Verb::release) return;
        world_.backend->on_help(nullptr);
        first->release();
        second = holder_.acquire("key", {.ttl = 1h});
    });
    const LockInfo freed = other_.force_release("key");
    EXPECT_FALSE(freed.held);
    ASSERT_TRUE(second.has_value());
    EXPECT_EQ(second->release(), ReleaseResult::released);
}

TEST_F(ForceRelease, HolderLearnsOfItAtItsNextRenewal) {
    auto lock = holder_.acquire("key", {.ttl = 30s});
    const std::stop_token lost = lock->lost();
    EXPECT_TRUE(other_.force_release("key").held);
    world_.clock->wait_for_background();
    EXPECT_TRUE(lock->owns_lock()) << "it is not notified yet";
    world_.clock->advance(10s);
    EXPECT_TRUE(poll_until([&] { return lost.stop_requested(); }));
    EXPECT_FALSE(lock->owns_lock());
}

TEST_F(ForceRelease, HandsOverToWhoWaits) {
    auto lock = holder_.acquire("key", {.ttl = 1h});
    auto waiting = std::async(std::launch::async, [&] {
        return other_.acquire("key", {.wait_timeout = forever, .retry_delay = 1h});
    });
    world_.clock->wait_for_background();
    EXPECT_TRUE(holder_.force_release("key").held);
    ASSERT_EQ(waiting.wait_for(30s), std::future_status::ready) << "no time has passed";
    const auto next = waiting.get();
    ASSERT_TRUE(next.has_value());
    EXPECT_GT(next->fencing_token(), lock->fencing_token());
}

TEST_F(ForceRelease, ObserverIsTold) {
    const auto forced = std::make_shared<Forced>();
    LockManager watched{{.clock = world_.clock, .observer = forced}};
    watched.register_backend("store", world_.backend);
    const auto lock = holder_.acquire("key");
    EXPECT_FALSE(watched.force_release("another", "store").held);
    EXPECT_TRUE(watched.force_release("key", "store").held);
    ASSERT_TRUE(poll_until([&] { return !forced->events().empty(); }));
    const LockEvent event = forced->events().front();
    EXPECT_EQ(event.key, "key") << "and nothing of the key that was free";
    EXPECT_EQ(event.owner, "tester:1");
    EXPECT_EQ(event.fencing_token, lock->fencing_token());
}

TEST_F(ForceRelease, WhatIsNotKnownIsSaid) {
    const auto lock = holder_.acquire("key");
    world_.backend->fail_next({.error = Errc::connection_lost});
    EXPECT_FALSE(other_.force_release("key", {}, ec_).held);
    EXPECT_EQ(ec_, Errc::connection_lost) << "the inspection failed";
    // The answer to the release is lost, and it has run.
    world_.backend->on_help([&](const Request& request) {
        if (request.verb == Verb::release)
            world_.backend->fail_next({.error = Errc::command_timed_out, .runs = true});
    });
    EXPECT_THROW(
        {
            try {
                other_.force_release("key");
            } catch (const LockError& error) {
                EXPECT_NE(std::string(error.what()).find("'key'"), std::string::npos);
                throw;
            }
        },
        LockError);
    world_.backend->on_help(nullptr);
    world_.backend->heal();
    EXPECT_FALSE(other_.force_release("key").held) << "it had run";
}

TEST_F(ForceRelease, BadInputIsRefusedBeforeIo) {
    EXPECT_FALSE(other_.force_release("", {}, ec_).held);
    EXPECT_EQ(ec_, Errc::invalid_key);
    EXPECT_FALSE(other_.force_release("key", "nowhere", ec_).held);
    EXPECT_EQ(ec_, Errc::unknown_backend);
    EXPECT_EQ(world_.backend->count(), 0U);
}

}  // namespace
}  // namespace leaselock

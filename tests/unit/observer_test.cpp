// Goal: an observer hears each event with what it is about, and its trouble is its own.
// Method: one that writes down each event, on a clock that is moved by hand.
#include <atomic>
#include <gtest/gtest.h>
#include <mutex>
#include <string>
#include <vector>

#include <leaselock/testing/detail/granted.hpp>

#include "support/poll_until.hpp"
#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::poll_until;

class Notes final : public Observer {
  public:
    void on_acquired(const LockEvent& event) override { note("acquired", event); }
    void on_contended(const LockEvent& event) override { note("contended", event); }
    void on_renewed(const LockEvent& event) override { note("renewed", event); }
    void on_lost(const LockEvent& event) override { note("lost", event); }
    void on_released(const LockEvent& event) override { note("released", event); }
    void on_error(const LockEvent& event) override { note("error", event); }
    void on_cleanup(const LockEvent& event) override { note("cleanup", event); }

    // Blocks until it has heard that many.
    std::vector<std::pair<std::string, LockEvent>> first(std::size_t count) {
        EXPECT_TRUE(poll_until([&] {
            const std::lock_guard lock{mutex_};
            return notes_.size() >= count;
        }));
        const std::lock_guard lock{mutex_};
        return notes_;
    }

  private:
    void note(const char* what, const LockEvent& event) {
        {
            const std::lock_guard lock{mutex_};
            notes_.emplace_back(what, event);
        }
        throw std::runtime_error("an observer's trouble is its own");
    }

    std::mutex mutex_;
    std::vector<std::pair<std::string, LockEvent>> notes_;
};

class Observing : public ::testing::Test {
  protected:
    Observing() {
        locks_.register_backend("store", world_.backend);
        locks_.set_default_backend("store");
    }

    ManagerWorld world_{testing::ManualClock::Sleep::blocking};
    std::shared_ptr<Notes> notes_ = std::make_shared<Notes>();
    LockManager locks_{{.owner = "me:1", .clock = world_.clock, .observer = notes_}};
};

TEST_F(Observing, HearsOfALifeFromGrantToRelease) {
    auto lock = locks_.acquire("key", {.ttl = 30s, .key_template = "k-{{id}}"});
    ASSERT_TRUE(lock.has_value());
    world_.clock->wait_for_background();
    world_.clock->advance(10s);
    (void)notes_->first(2);
    lock->release();
    const auto heard = notes_->first(3);
    ASSERT_EQ(heard.size(), 3U);
    EXPECT_EQ(heard[0].first, "acquired");
    EXPECT_EQ(heard[1].first, "renewed");
    EXPECT_EQ(heard[2].first, "released");
    for (const auto& [what, event] : heard) {
        EXPECT_EQ(event.key, "key");
        EXPECT_EQ(event.key_template, "k-{{id}}");
        EXPECT_EQ(event.owner, "me:1");
        EXPECT_EQ(event.fencing_token, lock->fencing_token());
    }
    EXPECT_EQ(heard[2].second.held, 10s);
}

TEST_F(Observing, HearsWhoHoldsWhatItWaitedFor) {
    const auto other = world_.other.acquire("key", {.ttl = 1h});
    EXPECT_FALSE(granted(locks_.acquire("key")));
    const auto heard = notes_->first(1);
    EXPECT_EQ(heard[0].first, "contended");
    EXPECT_EQ(heard[0].second.owner, "other:2");
    EXPECT_EQ(heard[0].second.error, Errc::held);
    EXPECT_EQ(locks_.stats().contended, 1U);
}

TEST_F(Observing, HearsOfErrorsOfLossesAndOfCleanups) {
    world_.backend->fail_next({.error = Errc::access_denied});
    std::error_code ec;
    EXPECT_FALSE(granted(locks_.acquire("key", {}, ec)));
    EXPECT_EQ(notes_->first(1)[0].first, "error");
    EXPECT_EQ(notes_->first(1)[0].second.error, Errc::access_denied);
    EXPECT_EQ(locks_.stats().failed, 1U);

    auto lock = locks_.acquire("key", {.ttl = 10s, .renewal = Renewal::off});
    world_.clock->wait_for_background();
    world_.clock->advance(10s);
    const auto lost = notes_->first(3)[2];
    EXPECT_EQ(lost.first, "lost");
    EXPECT_EQ(lost.second.held, 10s);

    world_.backend->fail_next({.error = Errc::command_timed_out});
    EXPECT_EQ(lock->release(), ReleaseResult::unknown);
    EXPECT_EQ(notes_->first(4)[3].first, "released");
    world_.clock->wait_for_background();
    world_.clock->advance(1s);
    const auto cleanup = notes_->first(5)[4];
    EXPECT_EQ(cleanup.first, "cleanup");
    EXPECT_EQ(cleanup.second.attempts, 2);
    EXPECT_EQ(cleanup.second.error, Errc{});
}

TEST_F(Observing, MacrosNameTheirTemplate) {
    const int product = 7;
    { DISTRIBUTED_LOCK(locks_, "stock-{{product}}", product); }
    const auto heard = notes_->first(1);
    EXPECT_EQ(heard[0].second.key, "stock-7");
    EXPECT_EQ(heard[0].second.key_template, "stock-{{product}}");
}

// Two threads have the lease then: the engine reports that a renewal failed, while the holder hands
// its failed release to the clean-up. The flags are relaxed, so that TSan sees the two unordered.
TEST(ObserverAndTwoThreads, HearsOfALateRenewalWhileTheReleaseIsHandedToTheCleanup) {
    struct Ear final : Observer {
        void on_error(const LockEvent& event) override {
            attempts.store(event.attempts, std::memory_order_relaxed);
        }
        std::atomic<int> attempts{-1};
    };
    const auto ear = std::make_shared<Ear>();
    ManagerWorld world{testing::ManualClock::Sleep::blocking};
    LockManager locks{{.clock = world.clock, .observer = ear}};
    locks.register_backend("store", world.backend);
    locks.set_default_backend("store");
    auto lock = locks.acquire("key", {.ttl = 30s});
    ASSERT_TRUE(lock.has_value());
    world.clock->wait_for_background();

    std::atomic<bool> is_renewing{false};
    std::atomic<bool> is_releasing{false};
    const auto is_set = [](const std::atomic<bool>& flag) {
        return poll_until([&] { return flag.load(std::memory_order_relaxed); });
    };
    world.backend->on_help([&](const Request& request) {
        if (request.verb == Verb::renew) {
            is_renewing.store(true, std::memory_order_relaxed);
            EXPECT_TRUE(is_set(is_releasing));
        } else {
            is_releasing.store(true, std::memory_order_relaxed);
            EXPECT_TRUE(
                poll_until([&] { return ear->attempts.load(std::memory_order_relaxed) >= 0; }));
        }
    });
    world.backend->fail_all({.error = Errc::connect_failed});
    world.clock->advance(10s);
    ASSERT_TRUE(is_set(is_renewing));
    EXPECT_EQ(lock->release(), ReleaseResult::unknown);
    EXPECT_EQ(ear->attempts, 0) << "of a clean-up alone";
    world.backend->on_help(nullptr);
    world.backend->heal();
}

TEST(Histogram, CountsByPowersOfTwoAndKeepsTheSum) {
    Histogram times;
    times.add(255ns);
    times.add(256ns);
    times.add(-1ns);
    times.add(std::chrono::hours{1'000'000});
    EXPECT_EQ(times.counts[0], 2U);
    EXPECT_EQ(times.counts[1], 1U);
    EXPECT_EQ(times.counts.back(), 1U);
    EXPECT_EQ(Histogram::upper_bound(1), 512ns);
    EXPECT_EQ(times.total, std::chrono::hours{1'000'000} + 511ns);
}

}  // namespace
}  // namespace leaselock

// Goal: callbacks of lost() run on the manager's own thread alone, whatever their lock's owner
// calls meanwhile; each of many watched leases fires at its own end, and not before. Method: a
// clock that stands still until it is moved, and a first callback that blocks, so that the loss of
// a second lock is old and still to be notified while its owner calls every function of the guard.
#include <algorithm>
#include <atomic>
#include <future>
#include <gtest/gtest.h>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <thread>
#include <vector>

#include "support/poll_until.hpp"
#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::poll_until;
using Sleep = testing::ManualClock::Sleep;

constexpr LockOptions short_one{.ttl = 10s, .renewal = Renewal::off};

class LostSignal : public ::testing::Test {
  protected:
    // Moves the time, and waits until both threads have done what is due then.
    void pass(Clock::duration time) {
        world_.clock->wait_for_background();
        world_.clock->advance(time);
        world_.clock->wait_for_background();
    }

    ManagerWorld world_{Sleep::blocking};
};

// The thread that notifies is in a callback, until this object ends.
class BusyNotifier {
  public:
    explicit BusyNotifier(ManagerWorld& world)
        : doomed_{world.manager.acquire("doomed", {.ttl = 1s, .renewal = Renewal::off}).value()},
          callback_{doomed_.lost(), [this] {
                        inside_.set_value();
                        go_on_.get_future().wait();
                    }} {
        world.clock->advance(1s);
        inside_.get_future().wait();
    }
    BusyNotifier(const BusyNotifier&) = delete;
    BusyNotifier& operator=(const BusyNotifier&) = delete;
    ~BusyNotifier() { go_on_.set_value(); }

  private:
    std::promise<void> inside_;
    std::promise<void> go_on_;
    ScopedDistributedLock doomed_;
    std::stop_callback<std::function<void()>> callback_;
};

// Pain: a callback that takes a mutex which its owner holds while it asks for lost(): a deadlock.
TEST_F(LostSignal, NeverRunsACallbackOnTheThreadThatAsks) {
    auto lock = world_.manager.acquire("key", short_one);
    auto owned = LockOwner{world_.manager}.acquire("owned", short_one);
    auto all = acquire_all(world_.manager, {"a", "b"}, short_one);
    Leadership lead{world_.manager.acquire("leader", short_one).value()};
    std::mutex mutex;
    std::atomic<int> ran{0};
    std::atomic<bool> on_the_callers{false};
    const auto self = std::this_thread::get_id();
    const auto note = [&] {
        if (std::this_thread::get_id() == self) on_the_callers = true;
        if (!on_the_callers) const std::lock_guard guard{mutex};
        ++ran;
    };
    const std::stop_callback first{lock->lost(), note};
    const std::stop_callback second{owned->lost(), note};
    const std::stop_callback third{all->lost(), note};
    const std::stop_callback fourth{lead.ended(), note};
    {
        std::optional<BusyNotifier> busy{world_};
        world_.clock->advance(10s);
        const std::lock_guard guard{mutex};
        EXPECT_FALSE(lock->owns_lock());
        std::error_code ec;
        for (int i = 0; i < 2; ++i) {
            EXPECT_FALSE(lock->lost().stop_requested()) << "notified a moment after the end";
            (void)owned->lost();
            (void)all->lost();
            (void)lead.ended();
            EXPECT_EQ(lock->remaining(), 0ms);
            lock->ensure(ec);
            lead.ensure(ec);
            all->ensure(ec);
            lock->extend(20s, ec);
            EXPECT_EQ(ec, Errc::lost);
            EXPECT_EQ(ran, 0);
        }
        busy.reset();
    }
    EXPECT_TRUE(poll_until([&] { return ran == 4; }));
    EXPECT_FALSE(on_the_callers);
    EXPECT_TRUE(lock->lost().stop_requested());
}

TEST_F(LostSignal, AskedForAfterTheLossItHasFiredWithoutAThread) {
    auto lock = world_.manager.acquire("key", short_one);
    const BusyNotifier busy{world_};
    world_.clock->advance(10s);
    EXPECT_TRUE(lock->lost().stop_requested());
    EXPECT_EQ(lock->release(), ReleaseResult::lost);
    EXPECT_FALSE(lock->lost().stop_requested()) << "what was released is not lost";
}

// A loss that was reported is final, though the answer to a renewal comes at that moment.
TEST_F(LostSignal, FiredMeansThatTheLockIsNotHeldAnyMore) {
    auto lock = world_.manager.acquire("key", short_one);
    std::atomic<bool> fired{false};
    std::atomic<bool> held{true};
    const std::stop_callback callback{lock->lost(), [&] {
                                          held = lock->owns_lock();
                                          fired = true;
                                      }};
    pass(10s);
    ASSERT_TRUE(poll_until([&] { return fired.load(); }));
    EXPECT_FALSE(held);
}

TEST_F(LostSignal, ShortenedLeaseFiresAtItsNewEndAndARenewedOneNotAtItsOldOne) {
    auto shortened = world_.manager.acquire("shortened", {.ttl = 30s, .renewal = Renewal::off});
    auto extended = world_.manager.acquire("extended", {.ttl = 30s, .renewal = Renewal::off});
    auto renewed = world_.manager.acquire("renewed", {.ttl = 30s});
    const std::stop_token soon = shortened->lost();
    const std::stop_token late = extended->lost();
    const std::stop_token never = renewed->lost();
    shortened->extend(5s);
    extended->extend(60s);
    pass(5s - 52ms - 1ms);
    EXPECT_FALSE(soon.stop_requested());
    pass(1ms);
    EXPECT_TRUE(poll_until([&] { return soon.stop_requested(); }));
    for (int i = 0; i < 5; ++i) pass(10s);
    EXPECT_FALSE(late.stop_requested()) << "its first end was 25 s ago";
    pass(10s);
    EXPECT_TRUE(poll_until([&] { return late.stop_requested(); }));
    EXPECT_FALSE(never.stop_requested());
    EXPECT_TRUE(renewed->owns_lock());
}

// The order in which they end is not that in which they were made, and some are gone by then.
TEST_F(LostSignal, EachOfManyFiresAtItsOwnEnd) {
    constexpr int count = 500;
    struct One {
        std::optional<ScopedDistributedLock> lock;
        std::stop_token lost;
        Clock::duration ttl;
    };
    std::mt19937 random{7};  // NOLINT(cert-msc51-cpp): the same in each run
    std::vector<One> all;
    for (int i = 0; i < count; ++i) {
        const auto ttl = std::chrono::seconds{10 + random() % 40};
        One& one = all.emplace_back();
        one.ttl = ttl;
        one.lock = world_.manager.acquire("key-" + std::to_string(i),
                                          {.ttl = ttl, .renewal = Renewal::off});
        one.lost = one.lock->lost();
    }
    for (std::size_t i = 0; i < all.size(); i += 5) all[i].lock.reset();
    for (auto passed = 0s; passed <= 50s; passed += 1s) {
        const auto is_right = [&](const One& one) {
            return one.lost.stop_requested() == (one.lock.has_value() && one.ttl <= passed);
        };
        EXPECT_TRUE(poll_until([&] { return std::ranges::all_of(all, is_right); }))
            << "after " << passed.count() << " s";
        world_.clock->advance(1s);
    }
}

}  // namespace
}  // namespace leaselock

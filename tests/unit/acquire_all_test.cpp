// Goal: several keys are one lock: all or nothing, in one order, within one time, and lost with the
// first of them. Method: a memory backend that keeps a record and fails as told, on a clock that is
// moved by hand; threads that take subsets by chance.
#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/memory_backend.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "support/poll_until.hpp"
#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::poll_until;

class AcquireAll : public ::testing::Test {
  protected:
    // The keys of the commands of that kind, in their order, with a space behind each.
    [[nodiscard]] std::string asked(Verb verb) const {
        std::string text;
        for (const auto& record : world_.backend->records()) {
            if (record.verb == verb) text += record.key.substr(record.key.rfind(':') + 1) + ' ';
        }
        return text;
    }
    [[nodiscard]] bool is_free(const std::string& key) { return !world_.other.inspect(key).held; }

    ManagerWorld world_{testing::ManualClock::Sleep::blocking};
    LockManager& locks_ = world_.manager;
    std::error_code ec_;
};

TEST_F(AcquireAll, TakesEachKeyOnceInOrderAndReleasesInReverse) {
    auto all = acquire_all(locks_, {"c", "a", "b", "a"}, {.ttl = 1h});
    ASSERT_TRUE(all.has_value());
    EXPECT_EQ(asked(Verb::acquire), "a b c ");
    EXPECT_TRUE(all->owns_lock());
    ASSERT_EQ(all->locks().size(), 3U);
    EXPECT_EQ(all->locks()[2].key(), "c");
    EXPECT_EQ(all->fencing_token("b"), all->locks()[1].fencing_token());
    EXPECT_GT(all->fencing_token("b"), 0U);
    EXPECT_EQ(all->fencing_token("d"), 0U);
    EXPECT_EQ(all->release(), ReleaseResult::released);
    EXPECT_EQ(asked(Verb::release), "c b a ");
    EXPECT_FALSE(all->owns_lock());
    EXPECT_EQ(all->release(), ReleaseResult::not_held);
    EXPECT_THROW(all->ensure(), LockLost);
}

TEST_F(AcquireAll, DestructorReleasesInReverse) {
    { const ScopedLockSet all{locks_, {"b", "a"}}; }
    ASSERT_TRUE(poll_until([&] { return asked(Verb::release) == "b a "; }));
    EXPECT_TRUE(is_free("a") && is_free("b"));
}

TEST_F(AcquireAll, IsAllOrNothing) {
    const auto held = world_.other.acquire("b");
    EXPECT_FALSE(granted(acquire_all(locks_, {"a", "b", "c"})));
    EXPECT_EQ(asked(Verb::acquire), "b a b ") << "c was never asked for";
    EXPECT_TRUE(is_free("a"));
    EXPECT_FALSE(granted(acquire_all(locks_, {"a", "b"}, {}, {}, ec_)));
    EXPECT_EQ(ec_, Errc::held);
    try {
        const ScopedLockSet all{locks_, {"a", "b"}};
        FAIL();
    } catch (const LockNotAcquired& error) {
        EXPECT_EQ(error.key(), "b");
        EXPECT_EQ(error.owner(), "other:2");
    }
}

TEST_F(AcquireAll, ErrorSaysWhichKey) {
    world_.backend->on_help([&](const Request& request) {
        if (request.verb == Verb::acquire && request.key.ends_with(":b"))
            world_.backend->fail_next({.error = Errc::access_denied});
    });
    try {
        (void)acquire_all(locks_, {"a", "b"});
        FAIL();
    } catch (const LockError& error) {
        EXPECT_EQ(error.code(), Errc::access_denied);
        EXPECT_NE(std::string(error.what()).find("'b'"), std::string::npos) << error.what();
    }
    EXPECT_TRUE(poll_until([&] { return is_free("a"); }));
}

TEST_F(AcquireAll, BadInputIsRefusedBeforeIo) {
    const std::vector<std::string_view> none;
    EXPECT_FALSE(granted(acquire_all(locks_, none, {}, {}, ec_)));
    EXPECT_EQ(ec_, Errc::invalid_option);
    EXPECT_FALSE(granted(acquire_all(locks_, {"a", ""}, {}, {}, ec_)));
    EXPECT_EQ(ec_, Errc::invalid_key);
    EXPECT_FALSE(granted(acquire_all(locks_, {"a"}, {.retry_delay = -1ms}, {}, ec_)));
    EXPECT_EQ(ec_, Errc::invalid_option);
    std::vector<std::string> names;
    for (std::size_t i = 0; i <= max_keys_at_once; ++i) names.push_back(std::to_string(i));
    std::vector<std::string_view> keys{names.begin(), names.end()};
    EXPECT_FALSE(granted(acquire_all(locks_, keys, {}, {}, ec_)));
    EXPECT_EQ(ec_, Errc::invalid_option);
    EXPECT_EQ(world_.backend->count(), 0U);
    keys.back() = keys.front();
    EXPECT_TRUE(acquire_all(locks_, keys, {}, {}, ec_)) << "repetitions do not count";
}

TEST_F(AcquireAll, OneDeadlineIsForAll) {
    auto a = world_.other.acquire("a", {.ttl = 1h});
    const auto b = world_.other.acquire("b", {.ttl = 1h});
    auto call = std::async(std::launch::async, [&] {
        (void)acquire_all(locks_, {"a", "b"}, {.wait_timeout = 10s, .retry_delay = 1h}, {}, ec_);
        return world_.clock->now();
    });
    world_.clock->wait_for_sleepers();
    const auto begin = world_.clock->now();
    world_.clock->advance(6s);
    a->release();
    // It has a, and waits for b for what is left.
    ASSERT_TRUE(poll_until([&] { return !is_free("a"); }));
    while (call.wait_for(1ms) != std::future_status::ready) world_.clock->advance(10ms);
    EXPECT_EQ(ec_, Errc::wait_timed_out);
    EXPECT_LT(call.get() - begin, 15s) << "not 6 s and 10 s";
    EXPECT_TRUE(poll_until([&] { return is_free("a"); }));
}

TEST_F(AcquireAll, StopEndsTheWait) {
    const auto b = world_.other.acquire("b", {.ttl = 1h});
    std::stop_source stop;
    auto call = std::async(std::launch::async, [&] {
        return acquire_all(locks_, {"a", "b"}, {.wait_timeout = forever}, stop.get_token(), ec_);
    });
    ASSERT_TRUE(poll_until([&] { return !is_free("a"); }));
    stop.request_stop();
    EXPECT_FALSE(granted(call.get()));
    EXPECT_EQ(ec_, Errc::cancelled);
    EXPECT_TRUE(poll_until([&] { return is_free("a"); }));
}

TEST_F(AcquireAll, IsLostWithTheFirst) {
    auto all = acquire_all(locks_, {"a", "b"}, {.ttl = 30s});
    const std::stop_token lost = all->lost();
    EXPECT_FALSE(lost.stop_requested());
    EXPECT_TRUE(world_.other.force_release("b").held);
    world_.clock->wait_for_background();
    world_.clock->advance(10s);
    ASSERT_TRUE(poll_until([&] { return lost.stop_requested(); }));
    EXPECT_FALSE(all->owns_lock());
    EXPECT_EQ(all->remaining(), 0ms);
    all->ensure(ec_);
    EXPECT_EQ(ec_, Errc::lost);
    EXPECT_FALSE(is_free("a"));
    EXPECT_EQ(all->release(ec_), ReleaseResult::lost) << "the worst of both";
    EXPECT_TRUE(is_free("a"));
}

TEST_F(AcquireAll, ReleaseTellsTheWorstAndWhy) {
    auto all = acquire_all(locks_, {"a", "b"});
    world_.backend->fail_next({.error = Errc::command_timed_out});
    EXPECT_EQ(all->release(ec_), ReleaseResult::unknown);
    EXPECT_EQ(ec_, Errc::command_timed_out);
}

TEST_F(AcquireAll, ReleaseIsNoLossAndGuardMayGoInItsCallback) {
    auto all = acquire_all(locks_, {"a", "b"}, {.ttl = 10s, .renewal = Renewal::off});
    const std::stop_token lost = all->lost();
    all->release();
    world_.clock->advance(1h);
    EXPECT_FALSE(lost.stop_requested());

    all = acquire_all(locks_, {"a", "b"}, {.ttl = 10s, .renewal = Renewal::off});
    std::atomic<bool> gone = false;
    const std::stop_callback on_loss{all->lost(), [&] {
                                         all.reset();
                                         gone = true;
                                     }};
    world_.clock->advance(10s);
    EXPECT_TRUE(poll_until([&] { return gone.load(); }));
}

TEST_F(AcquireAll, WhatIsLostWhileOthersAreWaitedForIsGivenBack) {
    auto b = world_.other.acquire("b", {.ttl = 1h});
    auto call = std::async(std::launch::async, [&] {
        return acquire_all(
            locks_, {"a", "b"},
            {.ttl = 10s, .wait_timeout = forever, .retry_delay = 1h, .renewal = Renewal::off}, {},
            ec_);
    });
    ASSERT_TRUE(poll_until([&] { return !is_free("a"); }));
    world_.clock->advance(10s);
    b->release();
    EXPECT_FALSE(granted(call.get()));
    EXPECT_EQ(ec_, Errc::granted_too_late);
    EXPECT_TRUE(poll_until([&] { return is_free("b"); }));
}

TEST_F(AcquireAll, ExtendIsForEach) {
    auto all = acquire_all(locks_, {"a", "b"}, {.ttl = 10s});
    all->extend(1h);
    EXPECT_GT(all->remaining(), 50min);
    all->release();
    EXPECT_THROW(all->extend(1h), LockLost);
}

// Two managers, as of two processes; each thread takes some of five keys again and again.
TEST(AcquireAllThreads, SubsetsByChanceNeitherDeadlockNorOverlap) {
    const auto store = std::make_shared<MemoryBackend>();
    std::array<LockManager, 2> managers;
    for (LockManager& each : managers) {
        each.register_backend("store", store);
        each.set_default_backend("store");
    }
    const std::array<std::string_view, 5> names{"a", "b", "c", "d", "e"};
    std::array<std::atomic<int>, 5> inside{};
    std::atomic<int> wrong = 0;
    std::atomic<int> sections = 0;
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < 6; ++i) {
        threads.emplace_back([&, i] {
            std::minstd_rand random{i + 1};
            for (int round = 0; round < 100; ++round) {
                std::vector<std::size_t> chosen;
                std::vector<std::string_view> keys;
                for (std::size_t key = 0; key < names.size(); ++key) {
                    if (random() % 2 != 0) chosen.push_back(key);
                }
                if (chosen.empty()) continue;
                std::shuffle(chosen.begin(), chosen.end(), random);
                for (const std::size_t key : chosen) keys.push_back(names[key]);
                const ScopedLockSet all{managers[i % 2], keys, {.wait_timeout = forever}};
                for (const std::size_t key : chosen) wrong += inside[key]++ != 0 ? 1 : 0;
                std::this_thread::yield();
                for (const std::size_t key : chosen) --inside[key];
                ++sections;
            }
        });
    }
    threads.clear();
    EXPECT_EQ(wrong, 0);
    EXPECT_GT(sections, 500);
}

}  // namespace
}  // namespace leaselock

// Goal: a CountDownLatch takes no wrong number, says why it does not go on, counts once what is
// said twice, and leaves no lock behind. Method: a memory backend that fails on demand and
// keeps a record, on a clock that the tests move.
#include <algorithm>
#include <future>
#include <gtest/gtest.h>
#include <limits>
#include <stop_token>
#include <string>
#include <system_error>

#include <leaselock/testing/detail/granted.hpp>

#include "support/poll_until.hpp"
#include "unit/waiting_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

TEST(CountDownLatch, WrongCountsAreRefused) {
    ManagerWorld world;
    for (const int count : {0, -1, max_permits + 1, std::numeric_limits<int>::max()}) {
        try {
            CountDownLatch none{world.manager, "latch", count};
            ADD_FAILURE() << count;
        } catch (const LockError& error) {
            EXPECT_EQ(error.code(), Errc::invalid_option);
            const std::string text =
                "count = " + std::to_string(count) + ", allowed are 1 to 10000";
            EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
        }
    }
    CountDownLatch wrong_key{world.manager, "", 1};
    EXPECT_THROW(wrong_key.count_down(), LockError);
    EXPECT_THROW((void)wrong_key.wait(), LockError);
    EXPECT_THROW((void)wrong_key.count(), LockError);
    EXPECT_THROW(wrong_key.reset(), LockError);
    EXPECT_EQ(world.backend->count(), 0U);
}

TEST(CountDownLatch, CountThatCannotBeAskedSaysWhy) {
    ManagerWorld world;
    CountDownLatch latch{world.manager, "latch", 2, {.backend = "nowhere"}};
    try {
        ADD_FAILURE() << latch.count();
    } catch (const LockError& error) {
        EXPECT_EQ(error.code(), Errc::unknown_backend);
        EXPECT_NE(std::string{error.what()}.find("nowhere"), std::string::npos) << error.what();
    }
}

TEST(CountDownLatch, ContradictionsAreTypedErrors) {
    ManagerWorld world;
    CountDownLatch latch{world.manager, "latch", 2};
    CountDownLatch other{world.other, "latch", 3};
    latch.count_down();
    std::error_code ec;
    other.count_down(ec);
    EXPECT_EQ(ec, Errc::conflicting_use);
    EXPECT_FALSE(other.wait({}, ec));
    EXPECT_EQ(ec, Errc::conflicting_use);
    EXPECT_EQ(other.count(ec), 0);
    EXPECT_EQ(ec, Errc::conflicting_use);
    EXPECT_THROW((void)other.count(), LockError);
    EXPECT_EQ(latch.count(), 1);
    EXPECT_FALSE(granted(world.other.acquire("latch", {.wait = true}, {}, ec)));
    EXPECT_EQ(ec, Errc::conflicting_use) << "a latch is no lock, and nobody waits for it";
}

TEST(CountDownLatch, CommandThatIsSaidTwiceCountsOnce) {
    ManagerWorld world;
    CountDownLatch latch{world.manager, "latch", 2};
    world.backend->fail_next({.error = Errc::connection_lost, .runs = true});
    latch.count_down();
    EXPECT_EQ(world.backend->count(), 2U);
    EXPECT_EQ(latch.count(), 1);
}

TEST(CountDownLatch, TroubleIsToldByItsFamily) {
    ManagerWorld world;
    CountDownLatch latch{world.manager, "latch", 1};
    for (const Errc error : {Errc::command_timed_out, Errc::read_only, Errc::access_denied}) {
        world.backend->fail_next({.error = error});
        std::error_code ec;
        latch.count_down(ec);
        EXPECT_EQ(ec, error);
        world.backend->fail_next({.error = error});
        EXPECT_THROW(latch.count_down(), LockError);
        world.backend->heal();
    }
    EXPECT_EQ(latch.count(), 1);
}

TEST(CountDownLatch, CountWhoseAnswerComesWithTheEndOfTheTtlIsUnknown) {
    ManagerWorld world;
    CountDownLatch latch{world.manager, "latch", 2, {.ttl = 10s}};
    world.backend->on_help([&](const Request& request) {
        if (request.verb == Verb::acquire) world.clock->advance(10s - 50ms);
    });
    std::error_code ec;
    latch.count_down(ec);
    EXPECT_EQ(ec, Family::unknown) << ec.message();
    world.backend->on_help(nullptr);
    EXPECT_EQ(latch.count(), 1) << "it was counted";
}

TEST(CountDownLatch, CountThatMayHaveRunIsUnknownWhateverTheRetryMeets) {
    for (const Errc second : {Errc::connect_failed, Errc::access_denied, Errc::too_many_clients}) {
        ManagerWorld world;
        CountDownLatch latch{world.manager, "latch", 2};
        world.backend->fail_next({.error = Errc::connection_lost, .runs = true});
        world.backend->fail_next({.error = second});
        std::error_code ec;
        latch.count_down(ec);
        const bool answered = second == Errc::access_denied;
        EXPECT_EQ(ec, answered ? Errc::unexpected_reply : Errc::command_timed_out);
        EXPECT_EQ(latch.count(), 1) << "it was counted";
    }
}

TEST(CountDownLatch, CountThatWasNeverSentIsUnavailable) {
    ManagerWorld world;
    CountDownLatch latch{world.manager, "latch", 2};
    world.backend->fail_next({.error = Errc::connect_failed});
    std::error_code ec;
    latch.count_down(ec);
    EXPECT_EQ(ec, Errc::connect_failed);
    EXPECT_EQ(latch.count(), 2);
}

TEST(CountDownLatch, WaitEndsAtItsTimeOrByItsStopToken) {
    ManagerWorld world;
    CountDownLatch latch{world.manager, "latch", 1, {.wait_timeout = 5s}};
    const auto begin = world.clock->now();
    std::error_code ec;
    EXPECT_FALSE(latch.wait({}, ec));
    EXPECT_EQ(ec, Errc::wait_timed_out);
    EXPECT_EQ(world.clock->now() - begin, 5s);
    EXPECT_FALSE(latch.wait_for(1s));
    EXPECT_EQ(world.clock->now() - begin, 6s);
    EXPECT_FALSE(latch.try_wait());
    std::stop_source source;
    source.request_stop();
    EXPECT_FALSE(latch.wait(source.get_token(), ec));
    EXPECT_EQ(ec, Errc::cancelled);
    EXPECT_NO_THROW(latch.reset()) << "nobody is left in its queue";
}

TEST(CountDownLatch, ResetIsRefusedWhileSomebodyWaits) {
    WaitingWorld world;
    CountDownLatch latch{world.manager, "latch", 1};
    auto wait = std::async(std::launch::async, [&] { return latch.wait(); });
    world.clock->wait_for_sleepers();
    std::error_code ec;
    latch.reset(ec);
    EXPECT_EQ(ec, Errc::conflicting_use);
    EXPECT_THROW(latch.reset(), LockError);
    latch.count_down();
    EXPECT_TRUE(wait.get());
    EXPECT_NO_THROW(latch.reset());
    EXPECT_EQ(latch.count(), 1);
}

TEST(CountDownLatch, HoldsAndOwesNothing) {
    ManagerWorld world;
    CountDownLatch latch{world.manager, "latch", 1};
    latch.count_down();
    EXPECT_TRUE(latch.wait());
    const LockStats stats = world.manager.stats();
    EXPECT_EQ(stats.acquired, 0U);
    EXPECT_EQ(stats.held_now, 0U);
    EXPECT_EQ(stats.cleanups_now, 0U);
    EXPECT_EQ(world.backend->count(), 2U) << "no release";
    world.clock->advance(25h);
    EXPECT_EQ(latch.count(), 1) << "it is forgotten after its ttl";
}

// The poll may run when the latch has been reset, and would take a queue entry for nobody.
TEST(CountDownLatch, WaitThatEndsWellOwesAReleaseForAPollWithoutAnAnswer) {
    for (const bool is_missed : {true, false}) {
        ManagerWorld world;
        CountDownLatch latch{world.manager, "latch", 1};
        latch.count_down();
        const Errc error = is_missed ? Errc::command_timed_out : Errc::connect_failed;
        world.backend->fail_next({.error = error});
        EXPECT_TRUE(latch.wait());
        const auto released = [&] {
            const auto records = world.backend->records();
            return std::any_of(records.begin(), records.end(),
                               [](const auto& each) { return each.verb == Verb::release; });
        };
        EXPECT_EQ(is_missed ? support::poll_until(released) : released(), is_missed);
    }
}

TEST(CountDownLatch, ShareOfTheOptionsIsNotUsed) {
    ManagerWorld world;
    CountDownLatch latch{world.manager, "latch", 1, {.share = {7, 3}}};
    latch.count_down();
    EXPECT_TRUE(latch.try_wait());
    const LockInfo info = world.manager.inspect("latch");
    EXPECT_EQ(info.use, KeyUse::latch);
    EXPECT_EQ(info.taken, 1);
    EXPECT_EQ(info.of, 1);
    EXPECT_EQ(info.left(), 0);
}

}  // namespace
}  // namespace leaselock

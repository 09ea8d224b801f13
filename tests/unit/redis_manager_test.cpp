// Goal: a manager on Redis keeps its promises when answers are lost, late or strange: it tries
// again with the same token where that helps, and releases what it may have taken before it gives
// up. Method: a peer that plays the server and remembers what it heard.
#include <algorithm>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <leaselock/redis.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "fault/lock_peer.hpp"
#include "support/free_port.hpp"
#include "support/poll_until.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::Answer;
using support::Heard;
using support::LockPeer;

class RedisManager : public ::testing::Test {
  protected:
    [[nodiscard]] LockManager manager(Duration command_timeout = 10s) {
        LockManager manager{{.prefix = "p:", .owner = "me"}};
        manager.register_backend("redis", make_redis_backend({.url = lock_peer_.peer().url(),
                                                              .connect_timeout = 10s,
                                                              .command_timeout = command_timeout}));
        manager.set_default_backend("redis");
        return manager;
    }
    // What the peer heard: a letter for each call.
    [[nodiscard]] std::string heard() const {
        std::string letters;
        for (const Heard& call : lock_peer_.calls()) {
            letters += call.verb == Verb::acquire ? 'a' : call.verb == Verb::release ? 'r' : '?';
        }
        return letters;
    }
    // Whether it hears that: what is owed is sent by a thread of the manager.
    [[nodiscard]] bool hears(const std::string& letters, std::size_t from = 0) const {
        return support::poll_until([&] { return heard().substr(from) == letters; });
    }
    [[nodiscard]] bool all_of_one_token() const {
        const std::vector<Heard> calls = lock_peer_.calls();
        return std::all_of(calls.begin(), calls.end(), [&](const Heard& call) {
            return call.token == calls.front().token && call.key == "p:key";
        });
    }

    LockPeer lock_peer_;
    std::error_code ec_;
};

TEST_F(RedisManager, ReleasesItsTokenAfterATimeoutBeforeItGivesUp) {
    LockManager locks = manager(1s);
    lock_peer_.script({Answer::silence()});
    EXPECT_FALSE(granted(locks.acquire("key", {}, ec_)));
    EXPECT_EQ(ec_, Errc::command_timed_out);
    EXPECT_EQ(ec_, Family::unknown);
    EXPECT_TRUE(hears("ar")) << heard();
    EXPECT_TRUE(all_of_one_token());
}

TEST_F(RedisManager, ReleasesItsTokenAfterAnAnswerThatMakesNoSense) {
    LockManager locks = manager();
    for (const std::string answer :
         {"+OK\r\n", "-ERR something new\r\n", "garbage\r\n", "*3\r\n:1\r\n:2\r\n:0\r\n"}) {
        const std::size_t before = heard().size();
        lock_peer_.script({Answer::reply(answer)});
        EXPECT_FALSE(granted(locks.acquire("key", {}, ec_)));
        EXPECT_EQ(ec_, Family::unknown) << answer;
        EXPECT_TRUE(hears("ar", before)) << heard() << answer;
    }
    EXPECT_TRUE(locks.acquire("key", {}, ec_)) << ec_.message();
}

TEST_F(RedisManager, RetriesALostReplyWithTheSameToken) {
    LockManager locks = manager();
    lock_peer_.script({Answer::close()});
    const auto lock = locks.acquire("key", {}, ec_);
    ASSERT_TRUE(lock) << ec_.message();
    EXPECT_EQ(heard(), "aa");
    EXPECT_TRUE(all_of_one_token());
}

TEST_F(RedisManager, ReleasesWhenTheRepliesAreLostAgainAndAgain) {
    LockManager locks = manager();
    lock_peer_.script({Answer::close(), Answer::close()});
    EXPECT_FALSE(granted(locks.acquire("key", {}, ec_)));
    EXPECT_EQ(ec_, Errc::connection_lost);
    EXPECT_TRUE(hears("aar")) << heard();
    EXPECT_TRUE(all_of_one_token());
}

TEST_F(RedisManager, OwesAReleaseAlsoWhenALaterTryIsRefused) {
    LockManager locks = manager();
    lock_peer_.script({Answer::close(), Answer::reply("-WRONGTYPE not a string\r\n")});
    EXPECT_FALSE(granted(locks.acquire("key", {}, ec_)));
    EXPECT_EQ(ec_, Errc::corrupt);
    EXPECT_TRUE(hears("aar")) << heard();
}

TEST_F(RedisManager, OwesNothingWhereNothingCanHaveHappened) {
    LockManager locks = manager();
    for (const std::string answer :
         {"-LOADING\r\n", "-OOM\r\n", "-READONLY\r\n", "-BUSY\r\n", "-NOREPLICAS\r\n",
          "-MISCONF\r\n", "-CLUSTERDOWN\r\n", "-MASTERDOWN\r\n"}) {
        const std::size_t before = heard().size();
        lock_peer_.script({Answer::reply(answer)});
        EXPECT_FALSE(granted(locks.acquire("key", {}, ec_)));
        EXPECT_EQ(ec_, Family::unavailable) << answer;
        EXPECT_EQ(heard().substr(before), "a") << answer;
    }
}

// A script that was denied a right in its middle, or a command, has done what it did before.
TEST_F(RedisManager, ReleasesAfterAScriptThatWasEndedInItsMiddle) {
    const std::vector<std::pair<std::string, Errc>> ends{
        {"The user executing the script can't run this command", Errc::access_denied},
        {"ACL failure in script: User u has no permissions to run the 'set' command",
         Errc::access_denied},
        {"Unknown Redis command called from script", Errc::not_supported},
        {"Unknown command called from script", Errc::not_supported}};
    LockManager locks = manager();
    std::string expected;
    for (const auto& [text, error] : ends) {
        lock_peer_.script({Answer::reply("-ERR " + text + " script: on @user_script:1.\r\n")});
        EXPECT_FALSE(granted(locks.acquire("key", {}, ec_)));
        EXPECT_EQ(ec_, error);
        expected += "ar";
        EXPECT_TRUE(hears(expected)) << heard();
    }
}

TEST_F(RedisManager, TriesAgainWithTheServersTimeAfterStale) {
    LockManager locks = manager();
    lock_peer_.script({Answer::reply(support::stale())});
    const auto lock = locks.acquire("key", {}, ec_);
    EXPECT_TRUE(lock) << ec_.message();
    EXPECT_EQ(heard(), "aa");
}

TEST_F(RedisManager, StaleAgainIsUnavailableAndOwesNothing) {
    LockManager locks = manager();
    lock_peer_.script({Answer::reply(support::stale()), Answer::reply(support::stale())});
    EXPECT_FALSE(granted(locks.acquire("key", {}, ec_)));
    EXPECT_EQ(ec_, Errc::stale);
    EXPECT_EQ(heard(), "aa");
}

// The peer's clock is an hour ahead: the second try carries a time that it accepts.
TEST_F(RedisManager, FollowsTheServersClock) {
    LockManager locks = manager();
    ASSERT_TRUE(locks.acquire("key", {}, ec_)) << ec_.message();
    constexpr std::int64_t hour = 3'600'000'000;
    lock_peer_.on_call([](const Heard& call) {
        const std::int64_t now = support::wall_clock_us() + hour;
        const std::string time = ":" + std::to_string(now) + "\r\n";
        if (call.verb != Verb::acquire) return support::yes(call);
        return Answer::reply(std::stoll(call.not_after) < now ? "*2\r\n:-1\r\n" + time
                                                              : "*3\r\n:1\r\n" + time + ":5\r\n");
    });
    EXPECT_TRUE(locks.acquire("key", {}, ec_)) << ec_.message();
    EXPECT_TRUE(hears("araar")) << heard();
}

TEST_F(RedisManager, NotAfterIsTheTimeUntilWhichTheCallerWaits) {
    LockManager locks = manager(2s);
    const std::int64_t before = support::wall_clock_us();
    ASSERT_TRUE(locks.acquire("key", {}, ec_)) << ec_.message();
    const std::int64_t after = support::wall_clock_us();
    const std::int64_t not_after = std::stoll(lock_peer_.calls().at(0).not_after);
    // The server's time is known as well as the way to it is fast; the error is to the safe side.
    EXPECT_LE(not_after, after + 2'000'000);
    EXPECT_GE(not_after, before + 1'000'000);
}

TEST_F(RedisManager, ReleasesAGrantOfWhichNothingIsLeft) {
    LockManager locks = manager();
    lock_peer_.script({Answer::dripped(support::granted("1"), 3ms)});
    EXPECT_FALSE(granted(locks.acquire("key", {.ttl = 10ms}, ec_)));
    EXPECT_EQ(ec_, Errc::granted_too_late);
    EXPECT_TRUE(hears("ar")) << heard();
    EXPECT_TRUE(all_of_one_token());
}

TEST_F(RedisManager, WaitsThroughTroubleThatPasses) {
    LockManager locks = manager();
    lock_peer_.script({Answer::reply("-LOADING\r\n"), Answer::reply("-OOM\r\n"), Answer::close(),
                       Answer::reply(support::held_by("other/1", 20)),
                       Answer::reply("-READONLY\r\n")});
    EXPECT_TRUE(locks.acquire("key", {.wait_timeout = 30s}, ec_)) << ec_.message();
    EXPECT_TRUE(hears("aaaaaar")) << heard();
    EXPECT_TRUE(all_of_one_token());
}

TEST_F(RedisManager, GuardsReleaseAfterALostReplyIsTriedOnceMore) {
    LockManager locks = manager();
    auto lock = locks.acquire("key", {}, ec_);
    ASSERT_TRUE(lock) << ec_.message();
    // The no of a release of two keys is followed by a release of all.
    lock_peer_.script({Answer::close(), Answer::reply(":0\r\n"), Answer::reply(":0\r\n")});
    EXPECT_EQ(lock->release(ec_), ReleaseResult::unknown);
    EXPECT_EQ(ec_, Errc::connection_lost);
    EXPECT_EQ(heard(), "arrr");
    EXPECT_EQ(lock->release(ec_), ReleaseResult::not_held);
}

TEST_F(RedisManager, ReleaseOfAFirstTryNamesTwoKeys) {
    LockManager locks = manager();
    locks.acquire("key").value().release();
    EXPECT_EQ(lock_peer_.calls().back().keys, 2U);
    // Only the second acquire is answered, and the first one may still run.
    lock_peer_.script({Answer::close()});
    locks.acquire("key").value().release();
    EXPECT_EQ(lock_peer_.calls().back().keys, 5U);
}

// In a slot that moves: the no of a release that names the lock alone settles nothing.
TEST_F(RedisManager, RepeatsAReleaseUntilAllKeysAreNamed) {
    LockManager locks = manager();
    auto lock = locks.acquire("key");
    ASSERT_TRUE(lock);
    const Answer moves = Answer::reply("-TRYAGAIN Multiple keys request\r\n");
    lock_peer_.script({moves, Answer::reply(":0\r\n"), moves, Answer::reply(":0\r\n"),
                       Answer::reply(":0\r\n"), Answer::reply(":1\r\n")});
    EXPECT_EQ(lock->release(ec_), ReleaseResult::unknown);
    EXPECT_EQ(ec_, Errc::cluster_down);
    EXPECT_TRUE(hears("arrrrrr")) << heard();
    std::string keys;
    for (const Heard& call : lock_peer_.calls()) keys += std::to_string(call.keys);
    EXPECT_EQ(keys, "4212125");
    EXPECT_TRUE(support::poll_until([&] { return locks.stats().cleanups_now == 0; }));
}

TEST_F(RedisManager, InASlotThatMovesALockIsReleasedAndNoneIsAcquired) {
    LockManager locks = manager();
    auto lock = locks.acquire("key");
    ASSERT_TRUE(lock);
    lock_peer_.on_call([](const Heard& call) {
        return Answer::reply(call.keys == 1 ? ":1\r\n" : "-TRYAGAIN Multiple keys request\r\n");
    });
    EXPECT_EQ(lock->release(), ReleaseResult::released);
    EXPECT_FALSE(granted(locks.acquire("key", {}, ec_)));
    EXPECT_EQ(ec_, Errc::cluster_down);
    EXPECT_EQ(heard(), "arra") << "what names one key makes no lock";
}

TEST_F(RedisManager, MessagesHaveTheKeyTheServerAndItsWordsButNoSecrets) {
    lock_peer_.script({Answer::reply(
        "-ERR unknown command 'EVALSHA', with args beginning with: 'a' '2' 'me/TOKEN'\r\n")});
    RedisOptions options{.url = lock_peer_.peer().url()};
    options.username = "locker";
    options.password = "s3cret";
    LockManager locks;
    locks.register_backend("redis", make_redis_backend(options));
    locks.set_default_backend("redis");
    try {
        (void)locks.acquire("the-key");
        FAIL() << "no exception";
    } catch (const LockError& error) {
        const std::string what = error.what();
        EXPECT_EQ(error.code(), Errc::not_supported) << what;
        EXPECT_NE(what.find("the-key"), std::string::npos) << what;
        EXPECT_NE(what.find("redis://"), std::string::npos) << what;
        EXPECT_NE(what.find("unknown command"), std::string::npos) << what;
        EXPECT_EQ(what.find("s3cret"), std::string::npos) << what;
        EXPECT_EQ(what.find("TOKEN"), std::string::npos) << what;
    }
}

}  // namespace
}  // namespace leaselock

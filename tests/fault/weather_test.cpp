// Goal: bad weather between a manager and its server ends calls in the right family and in time,
// no answer is ever taken for that of another command, and the same manager works again when the
// sky clears. Method: a real redis-server behind the weather machine; the numbers are those of the
// network faults that the library must survive.
#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/testing/detail/granted.hpp>

#include "fault/fault_fixture.hpp"
#include "support/counter_key.hpp"
#include "support/weather_proxy.hpp"

namespace leaselock {
namespace {

using namespace support;
using Fate = WeatherProxy::Fate;
using Sky = WeatherProxy::Sky;

class BadWeather : public ::testing::Test {
  protected:
    void SetUp() override {
        expect_works(locks_);
        ASSERT_EQ(server_.cli("PING"), "PONG");
        descriptors_ = count_descriptors() + 2 * descriptors_of_a_connection;
    }
    // After each fault: clear sky, the same manager, a key that the fault touched, nothing leaked.
    void TearDown() override {
        proxy_.set_sky(Sky::clear);
        proxy_.let_go();
        proxy_.slow_down(Way::requests, 0ms);
        proxy_.slow_down(Way::replies, 0ms);
        ASSERT_TRUE(poll_until([&] {
            std::error_code ec;
            auto lock = locks_.acquire("key", {}, ec);
            return lock && lock->release(ec) == ReleaseResult::released;
        }));
        EXPECT_TRUE(poll_until([&] { return server_.cli("EXISTS", "p:key") == "0"; }));
        // That of the callers, that of the thread that cleans up, and that of the one who hears.
        ASSERT_TRUE(poll_until([&] { return proxy_.open_connections() <= 3; }));
        EXPECT_TRUE(poll_until([&] { return count_descriptors() <= descriptors_; }));
    }
    std::optional<ScopedDistributedLock> acquire(LockOptions options = {}) {
        return locks_.acquire("key", options, ec_);
    }

    // The client's end, and the proxy's two.
    static constexpr std::ptrdiff_t descriptors_of_a_connection = 3;

    RedisServer server_;
    WeatherProxy proxy_{server_.port()};
    LockManager locks_ = manager_on(proxy_.url(), short_timeout);
    std::error_code ec_;
    std::ptrdiff_t descriptors_ = 0;
};

// Fails with that code and within the time; nothing of the key may be left to others.
#define EXPECT_FAILS_IN_TIME(code)                                            \
    do {                                                                      \
        const auto took = time_of([&] { EXPECT_FALSE(granted(acquire())); }); \
        EXPECT_EQ(ec_, code) << ec_.message();                                \
        EXPECT_LT(took, 2 * short_timeout * patience);                        \
    } while (false)

TEST_F(BadWeather, Row1RefusedConnectionIsUnavailableAtOnce) {
    proxy_.set_sky(Sky::refuse);
    proxy_.drop_all();
    let_idle();
    EXPECT_FAILS_IN_TIME(Errc::connect_failed);
    EXPECT_EQ(ec_, Family::unavailable);
}

TEST_F(BadWeather, Row2ServerThatNeverAnswersTheLoginIsUnavailableInTime) {
    proxy_.drop_all();
    let_idle();
    proxy_.set_sky(Sky::stall);
    EXPECT_FAILS_IN_TIME(Errc::connect_failed);
    EXPECT_EQ(ec_, Family::unavailable);
}

TEST_F(BadWeather, Row4ReplyLostAfterTheGrantIsCleanedUp) {
    proxy_.strike(Way::replies, 1, Fate::lost);
    EXPECT_FAILS_IN_TIME(Errc::command_timed_out);
    EXPECT_EQ(ec_, Family::unknown);
    EXPECT_TRUE(poll_until([&] { return server_.cli("EXISTS", "p:key") == "0"; }))
        << "what the call may have got is given back";
}

// The retry of a waiting call has the same token, so it gets the grant whose answer was lost.
TEST_F(BadWeather, Row4ReplyLostWhileWaitingIsAskedForAgain) {
    proxy_.strike(Way::replies, 1, Fate::lost);
    auto lock = locks_.acquire("key", {.wait_timeout = long_timeout}, ec_);
    ASSERT_TRUE(lock) << ec_.message();
    EXPECT_EQ(server_.cli("GET", counter_key("p:", "key")), std::to_string(lock->fencing_token()));
    EXPECT_EQ(lock->release(ec_), ReleaseResult::released);
}

TEST_F(BadWeather, Row5RequestLostIsUnknownAndLeavesNothing) {
    proxy_.strike(Way::requests, 1, Fate::lost);
    EXPECT_FAILS_IN_TIME(Errc::command_timed_out);
}

TEST_F(BadWeather, Row5RequestLostWhileWaitingIsSentAgain) {
    proxy_.strike(Way::requests, 1, Fate::lost);
    auto lock = locks_.acquire("key", {.wait_timeout = long_timeout}, ec_);
    ASSERT_TRUE(lock) << ec_.message();
    EXPECT_EQ(lock->release(ec_), ReleaseResult::released);
}

// The grant of one key comes when the caller of another asks: its fence must not become theirs.
TEST_F(BadWeather, Row6LateReplyIsNeverTheAnswerToAnotherCommand) {
    proxy_.strike(Way::replies, 1, Fate::late);
    EXPECT_FAILS_IN_TIME(Errc::command_timed_out);
    proxy_.let_go();
    for (const std::string key : {"a", "b", "c"}) {
        auto lock = locks_.acquire(key, {}, ec_);
        ASSERT_TRUE(lock) << ec_.message();
        EXPECT_EQ(server_.cli("GET", counter_key("p:", key)),
                  std::to_string(lock->fencing_token()));
        EXPECT_EQ(lock->release(ec_), ReleaseResult::released);
    }
}

TEST_F(BadWeather, Row6LateReplyToARelease) {
    auto lock = acquire();
    ASSERT_TRUE(lock) << ec_.message();
    proxy_.strike(Way::replies, 1, Fate::late);
    EXPECT_EQ(lock->release(ec_), ReleaseResult::unknown);
    EXPECT_EQ(ec_, Errc::command_timed_out);
    proxy_.let_go();
    EXPECT_EQ(lock->release(ec_), ReleaseResult::not_held);
}

TEST_F(BadWeather, Row7ConnectionThatEndsInMidReplyIsTriedAgain) {
    for (const Fate fate : {Fate::reset, Fate::closed, Fate::truncated}) {
        proxy_.strike(Way::replies, 1, fate);
        auto lock = acquire();
        ASSERT_TRUE(lock) << ec_.message();
        EXPECT_EQ(server_.cli("GET", counter_key("p:", "key")),
                  std::to_string(lock->fencing_token()));
        EXPECT_EQ(lock->release(ec_), ReleaseResult::released) << ec_.message();
    }
}

TEST_F(BadWeather, Row7ReleaseWhoseReplyIsCutIsUnknown) {
    auto lock = acquire();
    ASSERT_TRUE(lock) << ec_.message();
    proxy_.strike(Way::replies, 1, Fate::reset);
    EXPECT_EQ(lock->release(ec_), ReleaseResult::unknown) << "nobody can tell";
    EXPECT_EQ(ec_, Errc::connection_lost);
}

TEST_F(BadWeather, Row8HalfOpenConnectionIsFoundByTheTimeOut) {
    proxy_.lose_server();
    EXPECT_FAILS_IN_TIME(Errc::command_timed_out);
    EXPECT_EQ(ec_, Family::unknown);
}

TEST_F(BadWeather, Row8HalfOpenConnectionIsReplacedWhileWaiting) {
    proxy_.lose_server();
    auto lock = locks_.acquire("key", {.wait_timeout = long_timeout}, ec_);
    ASSERT_TRUE(lock) << ec_.message();
    EXPECT_EQ(lock->release(ec_), ReleaseResult::released);
}

// Each byte alone would be in time. The release that follows cannot log in, so what was granted
// ends by its ttl.
TEST_F(BadWeather, Row9DripIsBoundedByTheWholeDeadline) {
    proxy_.slow_down(Way::replies, 0ms, short_timeout / 2);
    const auto took = time_of([&] { EXPECT_FALSE(granted(acquire({.ttl = short_timeout}))); });
    EXPECT_EQ(ec_, Errc::command_timed_out) << ec_.message();
    EXPECT_LT(took, 2 * short_timeout * patience);
}

TEST_F(BadWeather, Row9DrippedLoginIsBoundedByTheWholeDeadline) {
    proxy_.drop_all();
    let_idle();
    proxy_.slow_down(Way::replies, 0ms, short_timeout / 2);
    EXPECT_FAILS_IN_TIME(Errc::connect_failed);
}

TEST_F(BadWeather, Row10CorruptReplyIsUnknownAndEndsTheConnection) {
    const std::size_t before = proxy_.connections();
    proxy_.strike(Way::replies, 1, Fate::corrupt);
    EXPECT_FAILS_IN_TIME(Errc::protocol_error);
    EXPECT_EQ(ec_, Family::unknown);
    EXPECT_TRUE(poll_until([&] { return proxy_.connections() > before; }))
        << "what follows may be anything";
}

// All threads at once, while replies are lost, late, cut and corrupt: every grant that is answered
// is the grant of that key to that caller. A release that is lost leaves its lock to the ttl. The
// counter may be ahead of the fence: a poll that meets the message of the hand-off mints one more.
TEST_F(BadWeather, NoCrossTalkInAStorm) {
    std::atomic<bool> over{false};
    std::atomic<int> sections{0};
    const auto caller = [&](const std::string& key) {
        while (!over) {
            std::error_code ec;
            auto lock = locks_.acquire(key, {.ttl = 500ms, .wait_timeout = long_timeout}, ec);
            if (!lock) continue;
            const std::string holder = server_.cli("GET", "p:" + key);
            const std::string last = server_.cli("GET", counter_key("p:", key));
            if (!lock->owns_lock()) continue;
            EXPECT_EQ(holder, lock->owner_token()) << key;
            EXPECT_GE(std::stoull(last), lock->fencing_token()) << key;
            ++sections;
            lock->release(ec);
        }
    };
    std::vector<std::thread> callers;
    for (int n = 0; n < 8; ++n) callers.emplace_back(caller, "key-" + std::to_string(n % 4));
    const std::array fates{Fate::lost,  Fate::late,      Fate::closed,
                           Fate::reset, Fate::truncated, Fate::corrupt};
    for (std::size_t i = 0; i < 2 * fates.size(); ++i) {
        const Way way = i % 3 == 0 ? Way::requests : Way::replies;
        const int before = sections;
        proxy_.strike(way, 5, fates[i % fates.size()]);
        EXPECT_TRUE(poll_until([&] { return proxy_.has_struck(way); }));
        proxy_.let_go();
        EXPECT_TRUE(poll_until([&] { return sections > before + 10; })) << "it goes on";
    }
    over = true;
    for (std::thread& each : callers) each.join();
}

// A proxy that leads to another server, which looks like one that was restarted empty.
class Row69AnotherServer : public BadWeather {
  protected:
    void SetUp() override {
        BadWeather::SetUp();
        ASSERT_EQ(other_.cli("PING"), "PONG");
        descriptors_ = count_descriptors() + 2 * descriptors_of_a_connection;
    }
    void TearDown() override {
        lead_to(server_);
        server_.cli("DEL", "p:key");
        BadWeather::TearDown();
    }
    void lead_to(RedisServer& server) {
        proxy_.lead_to(server.port());
        proxy_.drop_all();
        ASSERT_TRUE(poll_until([&] { return proxy_.open_connections() == 0; }));
        let_idle();
    }

    RedisServer other_;
};

// Both hold it then, and no client can see that; what it protects can, by the order of the fences.
TEST_F(Row69AnotherServer, AcquireIsGrantedWithAHigherFence) {
    auto first = acquire();
    ASSERT_TRUE(first) << ec_.message();
    lead_to(other_);
    auto second = acquire();
    ASSERT_TRUE(second) << ec_.message();
    EXPECT_GT(second->fencing_token(), first->fencing_token());
    EXPECT_EQ(second->release(ec_), ReleaseResult::released) << ec_.message();
    EXPECT_EQ(first->release(ec_), ReleaseResult::lost) << "its holder was not alone";
}

// The retry has the token of the first try, which ran elsewhere; the fence is of the server that
// answered, and what the other one granted ends by its ttl.
TEST_F(Row69AnotherServer, AcquireWhoseAnswerWasLostIsTheOtherServersGrant) {
    proxy_.strike(Way::replies, 1, Fate::lost);
    proxy_.lead_to(other_.port());  // the connection that is open stays where it is
    auto lock = acquire({.wait_timeout = long_timeout});
    ASSERT_TRUE(lock) << ec_.message();
    EXPECT_EQ(other_.cli("GET", counter_key("p:", "key")), std::to_string(lock->fencing_token()));
    EXPECT_EQ(server_.cli("GET", "p:key"), other_.cli("GET", "p:key")) << "one token";
    EXPECT_GT(std::stoll(server_.cli("PTTL", "p:key")), 0);
    EXPECT_EQ(lock->release(ec_), ReleaseResult::released) << ec_.message();
}

TEST_F(Row69AnotherServer, RenewIsLostAndTouchesNothing) {
    const auto backend = backend_on(proxy_.url());
    ASSERT_EQ(run(*backend, Verb::acquire, "p:key", "me/1").outcome, Outcome::granted);
    lead_to(other_);
    EXPECT_EQ(run(*backend, Verb::renew, "p:key", "me/1").outcome, Outcome::lost);
    EXPECT_EQ(other_.cli("EXISTS", "p:key"), "0") << "renewing never grants";
    ASSERT_EQ(run(*backend, Verb::acquire, "p:key", "me/2").outcome, Outcome::granted);
    EXPECT_EQ(run(*backend, Verb::renew, "p:key", "me/1").outcome, Outcome::lost);
    EXPECT_EQ(other_.cli("GET", "p:key"), "me/2") << "another holder's";
    EXPECT_EQ(server_.cli("GET", "p:key"), "me/1");
}

TEST_F(Row69AnotherServer, ReleaseIsLostAndTouchesNothing) {
    auto lock = acquire();
    ASSERT_TRUE(lock) << ec_.message();
    lead_to(other_);
    ASSERT_EQ(other_.cli("SET", "p:key", "other/1", "PX", "60000"), "OK");
    EXPECT_EQ(lock->release(ec_), ReleaseResult::lost) << ec_.message();
    EXPECT_EQ(other_.cli("GET", "p:key"), "other/1");
    EXPECT_EQ(server_.cli("EXISTS", "p:key"), "1") << "until its ttl is over";
}

}  // namespace
}  // namespace leaselock

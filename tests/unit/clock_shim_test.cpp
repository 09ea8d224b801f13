// Goal: a test can step the wall clock of a redis-server that runs, and Redis does with its keys
// what it would do on a machine whose clock is stepped. Method: a server with the shim; TIME, PTTL
// and a lock before and behind a step.
#include <chrono>
#include <gtest/gtest.h>
#include <string>

#include <leaselock/redis.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "support/patient.hpp"
#include "support/poll_until.hpp"
#include "support/redis_server.hpp"

namespace leaselock::support {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

// What two cores with many tests may take between two looks.
constexpr auto tolerance = 20s;

milliseconds server_time(RedisServer& server) {
    const std::string reply = server.cli("TIME");
    const std::size_t end = reply.find('\n');
    return std::chrono::seconds{std::stoll(reply)} +
           milliseconds{std::stoll(reply.substr(end + 1)) / 1000};
}
milliseconds our_time() {
    return std::chrono::duration_cast<milliseconds>(
        std::chrono::system_clock::now().time_since_epoch());
}
milliseconds life_of(RedisServer& server, const std::string& key) {
    return milliseconds{std::stoll(server.cli("PTTL", key))};
}

TEST(ClockShim, ServerTellsOurTimeUntilItsClockIsStepped) {
    RedisServer server{{}, WallClock::steppable};
    EXPECT_LT(std::chrono::abs(server_time(server) - our_time()), tolerance);
    server.step_clock(1h);
    EXPECT_LT(std::chrono::abs(server_time(server) - our_time() - 1h), tolerance);
    server.step_clock(-3h);
    EXPECT_LT(std::chrono::abs(server_time(server) - our_time() + 2h), tolerance);
}

TEST(ClockShim, SteppedClockRunsOn) {
    RedisServer server{{}, WallClock::steppable};
    server.step_clock(1h);
    const milliseconds before = server_time(server);
    EXPECT_TRUE(poll_until([&] { return server_time(server) >= before + 20ms; }));
    server.cli("SET", "short", "lived", "PX", "20");
    EXPECT_TRUE(poll_until([&] { return server.cli("EXISTS", "short") == "0"; }));
}

TEST(ClockShim, StepOf60SecondsFreesALockOf30) {
    RedisServer server{{}, WallClock::steppable};
    LockManager locks = connect(patient(server.url()));
    const auto first = locks.acquire("key", {.ttl = 30s});
    ASSERT_TRUE(first);
    EXPECT_FALSE(granted(locks.try_acquire("key")));
    server.step_clock(60s);
    const auto second = locks.try_acquire("key");
    ASSERT_TRUE(second) << "the server counts by its wall clock";
    EXPECT_TRUE(first->owns_lock()) << "the documented limit: a client cannot know";
    EXPECT_GT(second->fencing_token(), first->fencing_token()) << "a fenced resource does";
}

TEST(ClockShim, StepBackOfAnHourMakesALockStay) {
    RedisServer server{{}, WallClock::steppable};
    LockManager locks = connect(patient(server.url()));
    const auto lock = locks.acquire("key", {.ttl = 30s});
    ASSERT_TRUE(lock);
    EXPECT_LE(life_of(server, "hazel:lock:key"), 30s);
    server.step_clock(-1h);
    EXPECT_GT(life_of(server, "hazel:lock:key"), 1h);
    EXPECT_LE(life_of(server, "hazel:lock:key"), 1h + 30s);
}

TEST(ClockShim, ClockStaysSteppedOverARestart) {
    RedisServer server{{}, WallClock::steppable};
    server.step_clock(1h);
    server.restart();
    EXPECT_LT(std::chrono::abs(server_time(server) - our_time() - 1h), tolerance);
}

TEST(ClockShim, ServerWithTheRealClockRefusesAStep) {
    RedisServer server;
    EXPECT_THROW(server.step_clock(1s), std::logic_error);
}

}  // namespace
}  // namespace leaselock::support

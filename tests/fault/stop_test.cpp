// Goal: a stop token ends an acquisition within 50 ms, whatever its store is at, and what the
// acquisition may have got is given back. Method: a server that does not answer, one whose answer
// is lost on the way, a lock's file in which somebody stands still, and memory; by a thread that
// blocks and by a callback, mostly ten times each. A time is bounded by ten times its value, far
// below the command time-out.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <gtest/gtest.h>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <leaselock/async.hpp>
#include <leaselock/file.hpp>
#include <leaselock/leaselock.hpp>

#include "fault/fault_fixture.hpp"
#include "fault/lock_peer.hpp"
#include "support/file_intruder.hpp"
#include "support/temp_dir.hpp"
#include "support/weather_proxy.hpp"

namespace leaselock {
namespace {

using namespace support;

constexpr milliseconds promised = 50ms;
constexpr int rounds = 10;
// So long a command may run late at the server, and its release is owed.
constexpr milliseconds command_timeout = 2s;

enum class By { thread, callback };

// One acquisition.
class Call {
  public:
    Call(By by, LockManager& locks, const std::string& key, const LockOptions& options = {},
         std::stop_source stop = {})
        : stop_{std::move(stop)} {
        if (by == By::thread) {
            thread_ = std::thread{[this, &locks, key, options] {
                std::error_code ec;
                auto lock = locks.acquire(key, options, stop_.get_token(), ec);
                ended(std::move(lock), ec);
            }};
        } else {
            locks.async_acquire(
                key, options, stop_.get_token(),
                [this](auto lock, std::error_code ec) { ended(std::move(lock), ec); });
        }
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    ~Call() {
        (void)ends();
        if (thread_.joinable()) thread_.join();
    }

    void expect_stops() {
        EXPECT_FALSE(ended_);
        expect_ends([&] { stop_.request_stop(); });
    }
    // It was stopped before.
    void expect_ends(const std::function<void()>& action = [] {}) {
        const auto time = time_of([&] {
            action();
            ASSERT_TRUE(ends());
        });
        EXPECT_LT(time, patience * promised);
        EXPECT_FALSE(lock_);
        EXPECT_EQ(ec_, Errc::cancelled) << ec_.message();
    }

  private:
    [[nodiscard]] bool ends() {
        return poll_until([&] { return ended_.load(); }, 2 * long_timeout);
    }
    void ended(std::optional<ScopedDistributedLock> lock, std::error_code ec) {
        lock_ = std::move(lock);
        ec_ = ec;
        ended_ = true;
    }

    std::stop_source stop_;
    std::optional<ScopedDistributedLock> lock_;
    std::error_code ec_;
    std::atomic<bool> ended_{false};
    std::thread thread_;
};

class Stop : public ::testing::TestWithParam<By> {};

// Some of the calls wait, the others do not.
TEST_P(Stop, EndsACommandThatTheServerDoesNotAnswer) {
    LockPeer peer;
    LockManager locks = manager_on(peer.peer().url(), command_timeout);
    expect_works(locks);
    const auto before = peer.calls().size();
    peer.on_call([](const Heard&) { return Answer::silence(); });
    for (int round = 0; round < rounds; ++round) {
        LockOptions options;
        if (round % 2 == 0) options.wait_timeout = forever;
        const std::string key = "key-" + std::to_string(round);
        Call call{GetParam(), locks, key, options};
        ASSERT_TRUE(poll_until([&] {
            const auto calls = peer.calls();
            return std::any_of(calls.begin() + static_cast<std::ptrdiff_t>(before), calls.end(),
                               [&](const Heard& each) { return each.key == "p:" + key; });
        }));
        call.expect_stops();
    }
    // Each may have got its lock, so each owes a release, until one is answered.
    EXPECT_EQ(locks.stats().cleanups_now, static_cast<std::uint64_t>(rounds));
    peer.on_call(yes);
    peer.peer().drop_all();
    EXPECT_TRUE(poll_until([&] { return locks.stats().cleanups_now == 0; }, long_timeout));
}

TEST_P(Stop, ThatCameBeforeEndsACommandThatTheServerDoesNotAnswer) {
    LockPeer peer;
    LockManager locks = manager_on(peer.peer().url(), command_timeout);
    expect_works(locks);
    peer.on_call([](const Heard&) { return Answer::silence(); });
    std::stop_source stop;
    stop.request_stop();
    Call call{GetParam(), locks, "key", {.wait_timeout = forever}, stop};
    call.expect_ends();
    peer.on_call(yes);
    peer.peer().drop_all();
}

TEST_P(Stop, LeavesNoLockThatWasGrantedUnseen) {
    RedisServer server;
    WeatherProxy proxy{server.port()};
    LockManager locks = manager_on(proxy.url(), command_timeout);
    expect_works(locks);
    proxy.strike(Way::replies, 1, WeatherProxy::Fate::lost);
    Call call{GetParam(), locks, "key", {.ttl = 10min, .wait_timeout = forever}};
    ASSERT_TRUE(poll_until([&] { return server.cli("EXISTS", "p:key") == "1"; }));
    call.expect_stops();
    EXPECT_TRUE(poll_until([&] { return server.cli("EXISTS", "p:key") == "0"; }));
    proxy.drop_all();
    EXPECT_TRUE(poll_until([&] { return locks.stats().cleanups_now == 0; }, long_timeout));
}

TEST_P(Stop, EndsACommandThatWaitsToBeAloneInItsFile) {
    const TempDir directory;
    LockManager locks{{.prefix = "p:", .backend = "files"}};
    locks.register_backend("files", make_file_backend({.directory = directory.path().string()}));
    auto held = locks.acquire("key", {.ttl = 10min});
    ASSERT_TRUE(held);
    {
        const FileIntruder intruder{directory.file("p:key")};
        for (int round = 0; round < rounds; ++round) {
            Call call{GetParam(), locks, "key", {.wait_timeout = forever}};
            let_idle();
            call.expect_stops();
        }
    }
    EXPECT_EQ(held->release(), ReleaseResult::released);
    expect_works(locks, "key");
}

TEST_P(Stop, EndsAWaitInMemory) {
    LockManager locks;
    auto held = locks.acquire("key", {.ttl = 10min});
    for (int round = 0; round < rounds; ++round) {
        Call call{GetParam(), locks, "key", {.wait_timeout = forever}};
        ASSERT_TRUE(poll_until([&] { return locks.inspect("key").waiting == 1; }));
        call.expect_stops();
        EXPECT_TRUE(poll_until([&] { return locks.inspect("key").waiting == 0; }));
    }
    EXPECT_EQ(held->release(), ReleaseResult::released);
    expect_works(locks, "key");
}

// The first of the rounds waits before the subscription is there; in the others a thread reads it.
TEST_P(Stop, EndsAWaitForAHandOff) {
    RedisServer server;
    LockManager locks = manager_on(server.url());
    auto held = locks.acquire("key", {.ttl = 10min});
    for (int round = 0; round < rounds; ++round) {
        Call call{GetParam(), locks, "key", {.wait_timeout = forever}};
        ASSERT_TRUE(poll_until([&] { return locks.inspect("key").waiting == 1; }));
        let_idle();
        call.expect_stops();
        EXPECT_TRUE(poll_until([&] { return locks.inspect("key").waiting == 0; }));
    }
    EXPECT_EQ(held->release(), ReleaseResult::released);
    expect_works(locks, "key");
}

INSTANTIATE_TEST_SUITE_P(ByEach, Stop, ::testing::Values(By::thread, By::callback),
                         [](const auto& test) {
                             return test.param == By::thread ? "Thread" : "Callback";
                         });

}  // namespace
}  // namespace leaselock

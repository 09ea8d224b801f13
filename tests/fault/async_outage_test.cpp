// Goal: a coroutine that meets a server that is stopped, killed or cut off gets the right error
// in time, no other coroutine of its manager waits longer for that, and what it may have got is
// given back, whether it waits, acquires or releases. Method: coroutines on a real redis-server,
// stopped and killed, and the weather machine before it. The numbers are those of the fault matrix.
#include <atomic>
#include <deque>
#include <optional>
#include <stop_token>
#include <string>

#include <leaselock/async.hpp>

#include "fault/fault_fixture.hpp"
#include "support/coroutines.hpp"
#include "support/counter_key.hpp"
#include "support/leaks.hpp"
#include "support/weather_proxy.hpp"

namespace leaselock {
namespace {

using namespace support;
using Fate = WeatherProxy::Fate;
using Sky = WeatherProxy::Sky;

class AsyncOutage : public ::testing::Test {
  protected:
    // What came of a coroutine; the rest is there when `ended` is.
    struct Call {
        std::atomic<bool> ended{false};
        std::error_code ec;
        std::optional<ScopedDistributedLock> lock;
        std::optional<ReleaseResult> released;
        std::stop_source stop;
    };

    void SetUp() override { expect_works(locks_); }
    // The same manager works again, on the key that was touched too, and owes nothing.
    void TearDown() override {
        proxy_.set_sky(Sky::clear);
        proxy_.let_go();
        EXPECT_TRUE(poll_until([&] { return locks_.stats().cleanups_now == 0; }, long_timeout));
        EXPECT_TRUE(poll_until([&] { return is_free(); }));
        expect_works(locks_, "key");
        EXPECT_EQ(keys_without_ttl(server_), std::vector<std::string>{});
    }

    Detached acquire(Call& call, LockOptions options = {}) {
        return acquire(call, locks_, options);
    }
    static Detached acquire(Call& call, LockManager& locks, LockOptions options) {
        call.lock = co_await locks.async_acquire("key", options, call.stop.get_token(), call.ec);
        call.ended = true;
    }
    static Detached release(Call& call) {
        call.released = co_await call.lock->async_release(call.ec);
        call.ended = true;
    }
    // A lock of this manager, taken by a coroutine; the call is to be used again.
    void hold(Call& call, LockOptions options = {}) {
        acquire(call, options);
        ASSERT_TRUE(ends(call));
        ASSERT_TRUE(call.lock) << call.ec.message();
        call.ended = false;
    }
    [[nodiscard]] static bool ends(const Call& call, milliseconds limit = long_timeout) {
        return poll_until([&] { return call.ended.load(); }, limit);
    }
    // It ends within ten times the command time-outs that it may take, and with that error.
    void expect_fails(const Call& call, Errc error) {
        ASSERT_TRUE(ends(call, 2 * short_timeout * patience));
        EXPECT_FALSE(call.lock);
        EXPECT_EQ(call.ec, error) << call.ec.message();
    }
    [[nodiscard]] bool is_free() { return server_.cli("EXISTS", "p:key") == "0"; }
    [[nodiscard]] std::string fence() { return server_.cli("GET", counter_key("p:", "key")); }
    // Somebody else's, who is not behind the weather.
    [[nodiscard]] std::optional<ScopedDistributedLock> hold_elsewhere() {
        auto lock = others_.acquire("key", {.ttl = 10min});
        EXPECT_TRUE(lock);
        return lock;
    }

    RedisServer server_;
    std::deque<Call> calls_;  // they outlive what resumes them
    WeatherProxy proxy_{server_.port()};
    LockManager locks_ = manager_on(proxy_.url(), short_timeout);
    LockManager others_ = manager_on(server_.url());
};

TEST_F(AsyncOutage, ServerKilledDuringAWaitIsAskedAgainWhenItIsBack) {
    auto held = hold_elsewhere();
    Call& call = calls_.emplace_back();
    acquire(call, {.wait_timeout = forever});
    ASSERT_TRUE(poll_until([&] { return server_.cli("EXISTS", "{p:key}:ll:2q") == "1"; }));
    server_.kill9();
    EXPECT_FALSE(ends(call, 2 * short_timeout)) << "there is time left";
    server_.restart();
    ASSERT_TRUE(ends(call)) << "it forgot the holder, and the waiter finds the key free";
    ASSERT_TRUE(call.lock) << call.ec.message();
    EXPECT_GT(call.lock->fencing_token(), held->fencing_token());
    EXPECT_EQ(held->release(), ReleaseResult::lost);
    EXPECT_EQ(call.lock->release(), ReleaseResult::released);
}

TEST_F(AsyncOutage, ServerStoppedDuringAWaitIsAskedAgainWhenItGoesOn) {
    auto held = hold_elsewhere();
    Call& call = calls_.emplace_back();
    acquire(call, {.wait_timeout = forever});
    ASSERT_TRUE(poll_until([&] { return server_.cli("EXISTS", "{p:key}:ll:2q") == "1"; }));
    server_.pause();
    EXPECT_FALSE(ends(call, 3 * short_timeout)) << "its polls are not answered";
    server_.resume();
    EXPECT_EQ(held->release(), ReleaseResult::released);
    ASSERT_TRUE(ends(call));
    ASSERT_TRUE(call.lock) << call.ec.message();
    EXPECT_GT(call.lock->fencing_token(), held->fencing_token());
    EXPECT_EQ(call.lock->release(), ReleaseResult::released);
}

TEST_F(AsyncOutage, WaitOnAStoppedServerEndsAtItsDeadlineAndLeavesNoEntry) {
    auto held = hold_elsewhere();
    Call& call = calls_.emplace_back();
    acquire(call, {.wait_timeout = 2 * short_timeout});
    ASSERT_TRUE(poll_until([&] { return server_.cli("EXISTS", "{p:key}:ll:2q") == "1"; }));
    server_.pause();
    ASSERT_TRUE(ends(call, (2 * short_timeout + 2 * 250ms) * patience));
    EXPECT_FALSE(call.lock);
    EXPECT_TRUE(call.ec == Family::unknown || call.ec == Family::unavailable) << call.ec.message();
    server_.resume();
    EXPECT_TRUE(poll_until([&] { return server_.cli("EXISTS", "{p:key}:ll:2q") == "0"; }));
    EXPECT_EQ(held->release(), ReleaseResult::released);
    EXPECT_TRUE(is_free()) << "it was handed over to nobody";
}

TEST_F(AsyncOutage, WaitIsStoppedWhileTheServerIsSilent) {
    auto held = hold_elsewhere();
    Call& call = calls_.emplace_back();
    acquire(call, {.wait_timeout = forever});
    ASSERT_TRUE(poll_until([&] { return server_.cli("EXISTS", "{p:key}:ll:2q") == "1"; }));
    proxy_.set_sky(Sky::silence);
    call.stop.request_stop();
    expect_fails(call, Errc::cancelled);
    proxy_.set_sky(Sky::clear);
    proxy_.drop_all();
    EXPECT_TRUE(
        poll_until([&] { return server_.cli("EXISTS", "{p:key}:ll:2q") == "0"; }, long_timeout));
    EXPECT_EQ(held->release(), ReleaseResult::released);
}

TEST_F(AsyncOutage, Row1RefusedConnectionIsUnavailable) {
    proxy_.set_sky(Sky::refuse);
    proxy_.drop_all();
    let_idle();
    Call& call = calls_.emplace_back();
    acquire(call);
    expect_fails(call, Errc::connect_failed);
}

TEST_F(AsyncOutage, Row4ReplyLostAfterTheGrantIsCleanedUp) {
    const std::string before = fence();
    proxy_.strike(Way::replies, 1, Fate::lost);
    Call& call = calls_.emplace_back();
    acquire(call, {.ttl = 10min});
    expect_fails(call, Errc::command_timed_out);
    EXPECT_TRUE(poll_until([&] { return is_free(); })) << "in spite of its ttl";
    EXPECT_NE(fence(), before) << "it was granted";
}

TEST_F(AsyncOutage, Row4ReplyLostWhileWaitingIsAskedForAgain) {
    proxy_.strike(Way::replies, 1, Fate::lost);
    Call& call = calls_.emplace_back();
    ASSERT_NO_FATAL_FAILURE(hold(call, {.wait_timeout = long_timeout}));
    EXPECT_EQ(fence(), std::to_string(call.lock->fencing_token()));
    EXPECT_EQ(call.lock->release(), ReleaseResult::released);
}

// The answer is there, but nobody may believe it any more.
TEST_F(AsyncOutage, Row6LateReplyIsNoGrant) {
    proxy_.strike(Way::replies, 1, Fate::late);
    Call& call = calls_.emplace_back();
    acquire(call, {.ttl = 10min});
    expect_fails(call, Errc::command_timed_out);
    proxy_.let_go();
    EXPECT_TRUE(poll_until([&] { return is_free(); })) << "in spite of its ttl";
    Call& next = calls_.emplace_back();
    ASSERT_NO_FATAL_FAILURE(hold(next));
    EXPECT_EQ(fence(), std::to_string(next.lock->fencing_token())) << "its own";
    EXPECT_EQ(next.lock->release(), ReleaseResult::released);
}

// The connection is good, and stays; what comes over it for who has gone is dropped.
TEST_F(AsyncOutage, Row6ReplyBehindTheDeadlineOfAWaitIsDroppedAndGivenBack) {
    LockManager patient = manager_on(proxy_.url());
    {
        // So that the server knows the script, which it could not ask for.
        auto kept = patient.acquire("kept", {.min_hold = 5s});
        ASSERT_TRUE(kept.has_value());
        EXPECT_EQ(kept->release(), ReleaseResult::released);
    }
    proxy_.strike(Way::replies, 1, Fate::late);
    Call& call = calls_.emplace_back();
    acquire(call, patient, {.ttl = 10min, .wait_timeout = 50ms});
    ASSERT_TRUE(ends(call, (50ms + 250ms) * patience)) << "long before the command time-out";
    EXPECT_FALSE(call.lock);
    EXPECT_EQ(call.ec, Family::unknown) << call.ec.message();
    EXPECT_EQ(server_.cli("EXISTS", counter_key("p:", "key")), "1") << "it was granted";
    EXPECT_TRUE(poll_until([&] { return is_free(); })) << "the release left after it";
    const std::size_t before = proxy_.connections();
    proxy_.let_go();
    expect_works(patient, "key");
    EXPECT_EQ(proxy_.connections(), before);
}

TEST_F(AsyncOutage, GrantThatIsOverWhenItComesIsGivenBack) {
    LockManager patient = manager_on(proxy_.url());
    expect_works(patient);
    constexpr milliseconds ttl = 50ms;
    proxy_.slow_down(Way::replies, 2 * ttl);
    Call& call = calls_.emplace_back();
    acquire(call, patient, {.ttl = ttl});
    ASSERT_TRUE(ends(call));
    EXPECT_FALSE(call.lock);
    EXPECT_EQ(call.ec, Errc::granted_too_late) << call.ec.message();
    proxy_.slow_down(Way::replies, 0ms);
}

TEST_F(AsyncOutage, Row7AcquireThatIsCutIsTriedAgain) {
    for (const Fate fate : {Fate::reset, Fate::closed, Fate::truncated}) {
        proxy_.strike(Way::replies, 1, fate);
        Call& call = calls_.emplace_back();
        ASSERT_NO_FATAL_FAILURE(hold(call));
        EXPECT_EQ(fence(), std::to_string(call.lock->fencing_token()));
        release(call);
        ASSERT_TRUE(ends(call));
        EXPECT_EQ(call.released, ReleaseResult::released) << call.ec.message();
    }
}

TEST_F(AsyncOutage, Row7ReleaseThatIsCutIsUnknownAndTheLockIsFree) {
    for (const Way way : {Way::requests, Way::replies}) {
        Call& call = calls_.emplace_back();
        ASSERT_NO_FATAL_FAILURE(hold(call, {.ttl = 10min}));
        proxy_.strike(way, 1, Fate::reset);
        release(call);
        ASSERT_TRUE(ends(call));
        // If the first copy never came, the second one is answered for certain.
        const bool came = way == Way::replies;
        EXPECT_EQ(call.released, came ? ReleaseResult::unknown : ReleaseResult::released);
        EXPECT_EQ(call.ec, came ? make_error_code(Errc::connection_lost) : std::error_code{});
        EXPECT_TRUE(poll_until([&] { return is_free(); }));
    }
}

TEST_F(AsyncOutage, ReleaseOnAStoppedServerIsUnknownAndArrivesLater) {
    Call& call = calls_.emplace_back();
    ASSERT_NO_FATAL_FAILURE(hold(call, {.ttl = 10min}));
    server_.pause();
    release(call);
    ASSERT_TRUE(ends(call, 2 * short_timeout * patience));
    EXPECT_EQ(call.released, ReleaseResult::unknown);
    EXPECT_EQ(call.ec, Errc::command_timed_out) << call.ec.message();
    EXPECT_FALSE(call.lock->owns_lock());
    server_.resume();
    EXPECT_TRUE(poll_until([&] { return is_free(); })) << "in spite of its ttl";
}

TEST_F(AsyncOutage, Row5ReleaseThatIsLostIsUnknownAndRepeated) {
    Call& call = calls_.emplace_back();
    ASSERT_NO_FATAL_FAILURE(hold(call, {.ttl = 10min}));
    proxy_.strike(Way::requests, 1, Fate::lost);
    release(call);
    ASSERT_TRUE(ends(call, 2 * short_timeout * patience));
    EXPECT_EQ(call.released, ReleaseResult::unknown);
    EXPECT_EQ(call.ec, Errc::command_timed_out) << call.ec.message();
    EXPECT_TRUE(poll_until([&] { return is_free(); })) << "in spite of its ttl";
}

// Many at once, most of whose answers are lost with the connection: each gets some outcome, and
// none has a lock that the server does not know.
TEST_F(AsyncOutage, ManyThatAreCutOffAtOnceAreAllToldAndLeaveNothing) {
    constexpr std::size_t count = 200;
    while (calls_.size() < count) calls_.emplace_back();
    const auto acquire_own = [&](std::size_t i) -> Detached {
        Call& call = calls_[i];
        const std::string key = "key-" + std::to_string(i);
        call.lock = co_await locks_.async_acquire(key, {.ttl = 10min}, {}, call.ec);
        call.ended = true;
    };
    proxy_.strike(Way::replies, count / 2, Fate::lost);
    for (std::size_t i = 0; i < count; ++i) acquire_own(i);
    std::size_t granted = 0;
    for (std::size_t i = 0; i < count; ++i) {
        ASSERT_TRUE(ends(calls_[i])) << i;
        if (!calls_[i].lock) {
            EXPECT_EQ(calls_[i].ec, Errc::command_timed_out) << calls_[i].ec.message();
            continue;
        }
        ++granted;
        EXPECT_EQ(server_.cli("GET", counter_key("p:", "key-" + std::to_string(i))),
                  std::to_string(calls_[i].lock->fencing_token()));
    }
    EXPECT_GE(granted, count / 2 - 1) << "those whose answers came before";
    EXPECT_LT(granted, count);
    for (Call& call : calls_) call.lock.reset();
    EXPECT_TRUE(poll_until([&] { return server_.cli("EXISTS", "p:key-0") == "0"; }));
    EXPECT_TRUE(poll_until([&] { return locks_.stats().cleanups_now == 0; }, long_timeout));
    for (std::size_t i = 0; i < count; ++i) {
        ASSERT_TRUE(poll_until([&] {
            return server_.cli("EXISTS", "p:key-" + std::to_string(i)) == "0";
        })) << i;
    }
}

}  // namespace
}  // namespace leaselock

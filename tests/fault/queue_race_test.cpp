// Goal: a lock that is released just when a waiter begins to listen, or ceases to wait, goes to
// the next one, and to none that does not want it; whatever else is published makes no waiter
// believe that it holds. Method: managers on a real redis-server, and many repetitions at moments
// that differ. The numbers are those of the fault matrix.
#include <atomic>
#include <deque>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <thread>

#include <leaselock/async.hpp>

#include "fault/queue_fixture.hpp"
#include "support/coroutines.hpp"
#include "support/counter_key.hpp"
#include "support/weather_proxy.hpp"

namespace leaselock {
namespace {

using namespace support;

class QueueRace : public ::testing::Test {
  protected:
    // What came of a coroutine's wait, to be asked by another thread.
    struct Waiting {
        std::atomic<bool> ended{false};
        std::error_code ec;       // behind `ended`
        std::uint64_t fence = 0;  // as ec; 0: none
        std::stop_source stop;
    };

    void hold() {
        holder_ = holding_.acquire("key", {.ttl = 10min, .wait_timeout = long_timeout}, ec_);
        ASSERT_TRUE(holder_) << ec_.message();
    }
    void release() { EXPECT_EQ(holder_->release(ec_), ReleaseResult::released) << ec_.message(); }
    // Waits for "key", and releases it at once.
    static Detached wait(LockManager& locks, Waiting& waiting, Duration timeout = forever) {
        auto lock = co_await locks.async_acquire("key", {.wait_timeout = timeout},
                                                 waiting.stop.get_token(), waiting.ec);
        if (lock) {
            waiting.fence = lock->fencing_token();
            (void)co_await lock->async_release();
        }
        waiting.ended = true;
    }
    [[nodiscard]] bool stand_in_line(int count) {
        return poll_until([&] { return server_.cli("LLEN", queue_key) == std::to_string(count); },
                          long_timeout);
    }
    [[nodiscard]] static bool ends(const Waiting& waiting) {
        return poll_until([&] { return waiting.ended.load(); }, poll_bound);
    }
    // Nobody holds and nobody waits, and no grant had to end by itself.
    void expect_nothing_left() {
        EXPECT_TRUE(poll_until(
            [&] { return server_.cli("EXISTS", lock_key, queue_key, waiters_key) == "0"; }));
        EXPECT_EQ(info(server_, "stats", "expired_keys"), "0");
        EXPECT_EQ(keys_without_ttl(server_), std::vector<std::string>{});
    }

    RedisServer server_;
    std::deque<Waiting> waits_;  // they outlive what resumes them
    WeatherProxy proxy_{server_.port()};
    LockManager holding_ = manager_on(server_.url());
    LockManager first_ = manager_on(server_.url());
    LockManager second_ = manager_on(server_.url());
    std::optional<ScopedDistributedLock> holder_;
    std::error_code ec_;
};

// The connection that would listen cannot be made; the other one is there.
TEST_F(QueueRace, Row54ReleaseBeforeTheSubscriptionIsFoundByAPoll) {
    LockManager deaf = manager_on(proxy_.url());
    expect_works(deaf);
    proxy_.set_sky(WeatherProxy::Sky::refuse);
    hold();
    Waiting& waiting = waits_.emplace_back();
    wait(deaf, waiting);
    ASSERT_TRUE(stand_in_line(1));
    release();
    EXPECT_EQ(server_.cli("PUBSUB", "CHANNELS"), "") << "nobody could hear it";
    EXPECT_TRUE(ends(waiting));
    EXPECT_GT(waiting.fence, holder_->fencing_token()) << waiting.ec.message();
    proxy_.set_sky(WeatherProxy::Sky::clear);
    expect_nothing_left();
}

TEST_F(QueueRace, Row54ReleaseAtAnyMomentOfTheSubscriptionIsNoLostWakeUp) {
    std::minstd_rand random{1};
    for (int i = 0; i < 100; ++i) {
        LockManager fresh = manager_on(server_.url());  // it has to subscribe
        expect_works(fresh);
        hold();
        Waiting& waiting = waits_.emplace_back();
        wait(fresh, waiting);
        const auto until = boot_clock()->now() + std::chrono::microseconds{random() % 1000};
        while (boot_clock()->now() < until) std::this_thread::yield();
        release();
        ASSERT_TRUE(ends(waiting)) << i;
        EXPECT_GT(waiting.fence, holder_->fencing_token()) << waiting.ec.message();
    }
    expect_nothing_left();
}

// A client that publishes there knows the channel, and even a token: it can cause polls, no more.
TEST_F(QueueRace, Row55FloodOfForgedMessagesTellsNobodyThatHeHolds) {
    hold();
    Waiting& waiting = waits_.emplace_back();
    wait(first_, waiting);
    ASSERT_TRUE(stand_in_line(1));
    ASSERT_TRUE(poll_until([&] { return !server_.cli("PUBSUB", "CHANNELS").empty(); }));
    const std::string channel = server_.cli("PUBSUB", "CHANNELS");
    const std::string token = server_.cli("LINDEX", queue_key, "0");
    const std::string fence = server_.cli("GET", counter_key("p:", "key"));
    const auto flood = [&](const std::vector<std::string>& texts) {
        const std::int64_t before = calls_of(server_, "evalsha");
        for (int i = 0; i < 500; ++i) {
            for (const std::string& text : texts) server_.cli("PUBLISH", channel, text);
        }
        return calls_of(server_, "evalsha") - before;
    };
    const auto begin = boot_clock()->now();
    const std::int64_t polls = flood({"", "|||", std::string(100'000, 'x'), "other/1|1|3000", token,
                                      token + "|", token + "|x|3000", token + "|-1|3000",
                                      token + "|99999999999999999999|3000", token + "|1|x"});
    const auto took = boot_clock()->now() - begin;
    EXPECT_LE(polls, took / 75ms + 3) << "those of the first alone, and of its subscription";
    EXPECT_LE(flood({token + "|1|3000", token + "|" + fence + "|3000"}), 1000 + 1000)
        << "a poll for each at the most";
    EXPECT_FALSE(waiting.ended);
    EXPECT_TRUE(holder_->owns_lock());
    release();
    EXPECT_TRUE(ends(waiting));
    EXPECT_GT(waiting.fence, holder_->fencing_token()) << waiting.ec.message();
    expect_nothing_left();
}

// How the first of two ceases to wait while the lock is handed over to it.
enum class End { stop, deadline, destruction };

class QueueCancel : public QueueRace, public testing::WithParamInterface<End> {
  protected:
    static constexpr milliseconds brief = 20ms;

    static Owned wait_unheard(LockManager& locks, Loop& never) {
        (void)co_await locks.async_acquire("key", {.wait_timeout = forever}).resume_on(never);
    }
    // The first one's wait ends at about the time of the release. What was handed over to it
    // without its having it has crossed the end.
    void cross() {
        const std::int64_t told = calls_of(server_, "publish");
        hold();
        Loop never;
        Waiting& first = waits_.emplace_back();
        Waiting& second = waits_.emplace_back();
        std::optional<Owned> destroyed;
        Clock::time_point end = boot_clock()->now() + brief;
        if (GetParam() == End::destruction) {
            destroyed.emplace(wait_unheard(first_, never));
        } else {
            wait(first_, first, GetParam() == End::deadline ? Duration{brief} : forever);
        }
        // The one whose deadline it is may have ended before it is seen there.
        const bool stays = GetParam() != End::deadline;
        EXPECT_TRUE(!stays || stand_in_line(1));
        wait(second_, second);
        EXPECT_TRUE(!stays || stand_in_line(2));
        if (stays) end = boot_clock()->now() + brief / 20;
        std::thread ends_it{[&, until = end + some_time()] {
            spin_until(until);
            if (GetParam() == End::stop) first.stop.request_stop();
            if (GetParam() == End::destruction) destroyed->destroy();
        }};
        spin_until(end + some_time());
        release();
        ends_it.join();
        EXPECT_TRUE(ends(second));
        EXPECT_GT(second.fence, holder_->fencing_token()) << second.ec.message();
        EXPECT_TRUE(destroyed || ends(first));
        if (first.fence != 0) ++granted_;
        if (first.fence == 0 && calls_of(server_, "publish") == told + 2) ++crossed_;
    }
    std::chrono::microseconds some_time() { return std::chrono::microseconds{random_() % 500}; }
    static void spin_until(Clock::time_point until) {
        while (boot_clock()->now() < until) std::this_thread::yield();
    }

    int granted_ = 0;
    int crossed_ = 0;
    std::minstd_rand random_{1};
};

TEST_P(QueueCancel, Row58GrantThatCrossesTheEndOfAWaitGoesOnToTheNext) {
    int rounds = 0;
    const auto limit = boot_clock()->now() + 40s;
    while ((rounds < 200 || crossed_ == 0) && !HasFailure() && boot_clock()->now() < limit) {
        cross();
        ++rounds;
    }
    std::printf("of %d, %d had the lock, and %d met a grant\n", rounds, granted_, crossed_);
    EXPECT_GT(crossed_, 0) << "the moments were the wrong ones";
    expect_nothing_left();
    for (LockManager* const each : {&first_, &second_}) {
        EXPECT_TRUE(poll_until([&] { return each->stats().cleanups_now == 0; }));
        EXPECT_EQ(each->stats().held_now, 0U);
    }
}

std::string name_of(const ::testing::TestParamInfo<End>& tested) {
    switch (tested.param) {
        case End::stop: return "Stop";
        case End::deadline: return "Deadline";
        default: return "Destruction";
    }
}

INSTANTIATE_TEST_SUITE_P(Ends, QueueCancel,
                         ::testing::Values(End::stop, End::deadline, End::destruction), name_of);

}  // namespace
}  // namespace leaselock

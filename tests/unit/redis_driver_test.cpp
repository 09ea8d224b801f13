// Goal: a thread that waits for a hand-off reads the subscription itself, for all of its process;
// it is woken by whatever wakes it elsewhere, and a thread that reads no more, or stands still, or
// a connection that breaks, costs nobody a message. Method: a backend on a real server, threads
// that sleep in it, and listeners that note on which thread they were called.
#include <array>
#include <atomic>
#include <csignal>
#include <gtest/gtest.h>
#include <memory>
#include <pthread.h>
#include <string>
#include <thread>
#include <unistd.h>

#include "redis/hand_off_subscriber.hpp"
#include "redis/options.hpp"
#include "support/leaks.hpp"
#include "support/patient.hpp"
#include "support/scripted_peer.hpp"
#include "unit/redis_hand_off_fixture.hpp"

namespace leaselock {
namespace {

using support::poll_until;

Clock::time_point in(Clock::duration time) { return boot_clock()->now() + time; }

// Sleeps in the backend. It refuses while the engine reads, which is for a moment.
bool sleep_until(Backend& backend, Clock::time_point until, Waker& waker) {
    return poll_until([&] { return backend.sleep_until(until, waker); });
}

// A thread that sleeps in the backend until it is woken.
class Sleeper {
  public:
    Sleeper(Backend& backend, Ear& ear) : waker_{ear.waker()} {
        (void)waker_.wait(0ns);  // what came before
        thread_ = std::thread{[this, &backend] {
            do {
                slept_ = backend.sleep_until(in(1min), waker_);
            } while (!slept_ && !was_asleep_);
        }};
        EXPECT_TRUE(poll_until([this] { return waker_.is_asleep(); }));
        was_asleep_ = true;
        id_ = thread_.get_id();
    }
    Sleeper(const Sleeper&) = delete;
    Sleeper& operator=(const Sleeper&) = delete;
    ~Sleeper() {
        if (!thread_.joinable()) return;
        waker_.wake();
        thread_.join();
    }

    [[nodiscard]] std::thread& thread() { return thread_; }
    [[nodiscard]] std::thread::id id() const { return id_; }
    [[nodiscard]] bool is_asleep() const { return waker_.is_asleep(); }
    // What sleep_until() gave, when it has returned.
    [[nodiscard]] bool slept() {
        thread_.join();
        return slept_;
    }

  private:
    Waker& waker_;
    bool slept_ = false;
    std::atomic<bool> was_asleep_{false};
    std::thread thread_;
    std::thread::id id_;
};

class RedisDriver : public RedisHandOffSubscriber {
  protected:
    void SetUp() override {
        hold("me/0");
        open(first_);
        ASSERT_TRUE(acquire(second_).told);
        channel_ = server_.cli("PUBSUB", "CHANNELS", "leaselock:*");
    }
    void TearDown() override {
        backend_->forget(first_);
        backend_->forget(second_);
    }
    void publish(const Ear& ear) {
        server_.cli("PUBLISH", channel_, std::string{ear.token()} + "|7|1000");
    }

    Ear first_{lock_key, "me/1"};
    Ear second_{lock_key, "me/2"};
    std::string channel_;
};

// The engine comes by once a second, and may read a message by that; not each of them.
constexpr int rounds_beside_the_engine = 10;

TEST_F(RedisDriver, ThreadReadsItsHandOffItself) {
    EXPECT_EQ(release("me/0"), Outcome::released);
    ASSERT_TRUE(poll_until([&] { return first_.calls() == 1; }));
    bool has_read = false;
    for (int round = 0; !has_read && round < rounds_beside_the_engine; ++round) {
        const int before = first_.calls();
        Sleeper sleeper{*backend_, first_};
        publish(first_);
        EXPECT_TRUE(sleeper.slept());
        EXPECT_EQ(first_.calls(), before + 1);
        has_read = first_.called_on() == sleeper.id();
    }
    EXPECT_TRUE(has_read);
}

TEST_F(RedisDriver, OneThreadReadsForAllThatWait) {
    Sleeper sleeper{*backend_, first_};
    EXPECT_FALSE(backend_->sleep_until(in(1min), second_.waker()));
    bool has_read = false;
    for (int round = 1; !has_read && round <= rounds_beside_the_engine; ++round) {
        publish(second_);
        ASSERT_TRUE(poll_until([&] { return second_.calls() == round; }));
        has_read = second_.called_on() == sleeper.id();
        EXPECT_TRUE(second_.waker().wait(0ns));
    }
    EXPECT_TRUE(has_read);
    EXPECT_TRUE(poll_until([&] { return sleeper.is_asleep(); }));
    publish(first_);
    EXPECT_TRUE(sleeper.slept());
    EXPECT_EQ(first_.calls(), 1);
}

// Without it each message would be read when the engine comes by, after a second.
TEST_F(RedisDriver, EngineReadsAsSoonAsTheThreadHasLeft) {
    constexpr int rounds = 8;
    const auto begin = boot_clock()->now();
    for (int round = 1; round <= rounds; ++round) {
        Waker waker;
        waker.wake();
        EXPECT_TRUE(sleep_until(*backend_, in(1min), waker));
        EXPECT_TRUE(sleep_until(*backend_, in(1ms), waker)) << "its time is over";
        publish(first_);
        ASSERT_TRUE(poll_until([&] { return first_.calls() == round; }));
        EXPECT_NE(first_.called_on(), std::this_thread::get_id());
    }
    EXPECT_LT(boot_clock()->now() - begin, 4s);
}

TEST_F(RedisDriver, WhateverWakesTheThreadEndsItsSleep) {
    constexpr int rounds = 2000;
    Waker waker;
    std::atomic<int> woken{0};
    std::thread thread{[&] {
        while (woken < rounds) {
            if (backend_->sleep_until(in(1min), waker)) ++woken;
        }
    }};
    const auto begin = boot_clock()->now();
    for (int round = 0; round < rounds; ++round) {
        if (round % 2 == 0) {
            EXPECT_TRUE(poll_until([&] { return waker.is_asleep(); }));
        }
        waker.wake();
        while (woken <= round) std::this_thread::yield();
    }
    thread.join();
    EXPECT_LT(boot_clock()->now() - begin, 30s);
}

TEST_F(RedisDriver, BrokenSubscriptionGivesTheThreadBack) {
    {
        Sleeper sleeper{*backend_, first_};
        EXPECT_EQ(server_.cli("CLIENT", "KILL", "TYPE", "pubsub"), "1");
        EXPECT_FALSE(sleeper.slept());
    }
    ASSERT_TRUE(poll_until([&] { return first_.polls() == 2 && second_.polls() == 1; }));
    Sleeper sleeper{*backend_, first_};
    EXPECT_TRUE(acquire(first_).told);
    EXPECT_EQ(release("me/0"), Outcome::released);
    EXPECT_TRUE(sleeper.slept());
    EXPECT_EQ(first_.calls(), 1);
}

// Where its signal handler finds out that the test goes on.
std::array<int, 2> entered{-1, -1};
std::array<int, 2> released{-1, -1};

void stand_still(int /*signal*/) {
    char byte = 0;
    (void)!::write(entered[1], &byte, 1);
    (void)!::read(released[0], &byte, 1);
}

TEST_F(RedisDriver, ThreadThatStandsStillHoldsUpNoMessage) {
    ASSERT_EQ(::pipe(entered.data()), 0);
    ASSERT_EQ(::pipe(released.data()), 0);
    struct sigaction handler {};
    struct sigaction before {};
    handler.sa_handler = stand_still;
    ASSERT_EQ(::sigaction(SIGUSR1, &handler, &before), 0);
    {
        Sleeper sleeper{*backend_, first_};
        ASSERT_EQ(::pthread_kill(sleeper.thread().native_handle(), SIGUSR1), 0);
        char byte = 0;
        ASSERT_EQ(::read(entered[0], &byte, 1), 1);
        publish(second_);
        publish(first_);
        EXPECT_TRUE(poll_until([&] { return first_.calls() == 1 && second_.calls() == 1; }));
        EXPECT_NE(second_.called_on(), sleeper.id());
        ASSERT_EQ(::write(released[1], &byte, 1), 1);
        EXPECT_TRUE(sleeper.slept());
    }
    EXPECT_EQ(::sigaction(SIGUSR1, &before, nullptr), 0);
    for (const int each : {entered[0], entered[1], released[0], released[1]}) ::close(each);
}

TEST_F(RedisDriver, BackendLeavesNoDescriptorOfAThreadThatRead) {
    backend_->forget(first_);
    backend_->forget(second_);
    backend_.reset();
    ASSERT_TRUE(poll_until([&] { return subscribers() == 0; }));
    const std::size_t descriptors = support::open_descriptors();
    backend_ = make_redis_backend({.url = support::patient(server_.url())});
    Ear ear{lock_key, "me/3"};
    ASSERT_TRUE(acquire(ear).queued);
    ASSERT_TRUE(poll_until([&] { return ear.polls() == 1; }));
    EXPECT_TRUE(sleep_until(*backend_, in(1ms), ear.waker()));
    backend_->forget(ear);
    backend_.reset();
    EXPECT_EQ(support::open_descriptors(), descriptors);
    backend_ = make_redis_backend({.url = support::patient(server_.url())});
}

TEST_F(RedisDriver, NobodySleepsInABackendWithoutASubscription) {
    const auto backend = make_redis_backend({.url = support::patient(server_.url())});
    Waker waker;
    EXPECT_FALSE(backend->sleep_until(in(1min), waker));
}

// The thread that sleeps does not keep the engine from seeing that.
TEST(RedisDriverPeer, SilentConnectionIsGivenUpWhileAThreadSleeps) {
    support::ScriptedPeer peer;
    confirm_and_fall_silent(peer);
    redis::HandOffSubscriber subscriber{
        redis::settings_of({.url = peer.url(), .connect_timeout = 20s, .command_timeout = 1s}),
        boot_clock()};
    Ear ear{"key", "me/1"};
    subscriber.listen(ear);
    ASSERT_TRUE(poll_until([&] { return ear.polls() >= 1; }));
    (void)ear.waker().wait(0ns);
    EXPECT_FALSE(subscriber.sleep_until(in(20s), ear.waker()));
    EXPECT_TRUE(poll_until([&] { return ear.polls() >= 2; }));
    subscriber.forget(ear);
}

}  // namespace
}  // namespace leaselock

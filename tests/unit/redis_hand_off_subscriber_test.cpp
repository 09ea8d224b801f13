// Goal: a waiter is notified of a hand-off in time and in order, is asked to poll when a message
// may have been missed, and costs nothing that stays behind. Method: a backend on a real server;
// the subscription is killed, refused, stopped and restarted.
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <sys/wait.h>
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
using support::RedisServer;

TEST_F(RedisHandOffSubscriber, NothingIsOpenedUntilSomebodyWaits) {
    hold("me/0");
    std::jthread{[] {}}.join();  // a sanitizer brings a thread of its own beside the first
    const std::size_t threads = support::running_threads();
    hold("me/0");
    EXPECT_EQ(subscribers(), 0);
    EXPECT_LE(support::running_threads(), threads);
    Ear ear{lock_key, "me/1"};
    const Reply reply = acquire(ear);
    EXPECT_TRUE(reply.queued);
    EXPECT_FALSE(reply.told);
    EXPECT_TRUE(poll_until([&] { return ear.polls() == 1 && subscribers() == 1; }));
    backend_->forget(ear);
}

TEST_F(RedisHandOffSubscriber, TellsEachOfItsHandOffInTheOrderOfTheQueue) {
    hold("me/0");
    Ear first{lock_key, "me/1"};
    Ear second{lock_key, "me/2"};
    open(first);
    const Reply reply = acquire(second);
    EXPECT_TRUE(reply.told);
    EXPECT_EQ(release("me/0"), Outcome::released);
    ASSERT_TRUE(poll_until([&] { return first.calls() == 1; }));
    EXPECT_GT(first.last().fencing_token, reply.fencing_token);
    EXPECT_EQ(first.last().ttl, 3s);
    EXPECT_EQ(second.calls(), 0);
    EXPECT_EQ(release("me/1"), Outcome::released);
    ASSERT_TRUE(poll_until([&] { return second.calls() == 1; }));
    EXPECT_GT(second.last().fencing_token, first.last().fencing_token);
    EXPECT_EQ(first.calls(), 1);
    backend_->forget(first);
    backend_->forget(second);
}

TEST_F(RedisHandOffSubscriber, WaiterThatIsForgottenIsNotNotifiedAndItsEntryStays) {
    hold("me/0");
    Ear first{lock_key, "me/1"};
    Ear second{lock_key, "me/2"};
    open(first);
    EXPECT_TRUE(acquire(second).told);
    backend_->forget(first);
    backend_->forget(first);
    release("me/0");
    EXPECT_EQ(server_.cli("GET", lock_key), "me/1");
    release("me/1");
    ASSERT_TRUE(poll_until([&] { return second.calls() == 1; }));
    EXPECT_EQ(first.calls(), 0);
    backend_->forget(second);
}

TEST_F(RedisHandOffSubscriber, WhatIsNoHandOffOfOursIsDropped) {
    hold("me/0");
    Ear ear{lock_key, "me/1"};
    open(ear);
    const std::string channel = server_.cli("PUBSUB", "CHANNELS", "leaselock:*");
    for (const char* text : {"", "me/1", "me/1|x|1", "me/2|5|1000", "me/1|0|1000", "\r\n|1|1"}) {
        EXPECT_EQ(server_.cli("PUBLISH", channel, text), "1");
    }
    EXPECT_EQ(server_.cli("PUBLISH", channel, "me/1|7|1000"), "1");
    ASSERT_TRUE(poll_until([&] { return ear.calls() == 1; }));
    EXPECT_EQ(ear.last().fencing_token, 7U);
    EXPECT_EQ(ear.polls(), 1) << "the connection did not break";
    backend_->forget(ear);
}

TEST_F(RedisHandOffSubscriber, WhoListensWhereItIsOpenPollsAtOnce) {
    redis::HandOffSubscriber subscriber{
        redis::settings_of({.url = support::patient(server_.url())}), boot_clock()};
    Ear first{lock_key, "me/1"};
    subscriber.listen(first);
    ASSERT_TRUE(poll_until([&] { return first.polls() == 1; }));
    Ear second{lock_key, "me/2"};
    subscriber.listen(second);
    EXPECT_EQ(second.polls(), 1);
    EXPECT_EQ(first.polls(), 1);
    subscriber.forget(first);
    subscriber.forget(second);
}

TEST_F(RedisHandOffSubscriber, KilledSubscriptionComesBackAndEverybodyPolls) {
    hold("me/0");
    Ear first{lock_key, "me/1"};
    Ear second{lock_key, "me/2"};
    open(first);
    acquire(second);
    EXPECT_EQ(server_.cli("CLIENT", "KILL", "TYPE", "pubsub"), "1");
    ASSERT_TRUE(poll_until([&] { return first.polls() == 2 && second.polls() == 1; }));
    EXPECT_TRUE(acquire(first).told);
    release("me/0");
    ASSERT_TRUE(poll_until([&] { return first.calls() == 1; }));
    backend_->forget(first);
    backend_->forget(second);
}

TEST_F(RedisHandOffSubscriber, NobodyIsToldByASubscriptionThatBrokeSince) {
    hold("me/0");
    Ear ear{lock_key, "me/1"};
    open(ear);
    Operation operation{waiting(ear)};
    detail::BlockingCall call{operation};
    backend_->submit(operation);
    EXPECT_EQ(server_.cli("CLIENT", "KILL", "TYPE", "pubsub"), "1");
    ASSERT_TRUE(poll_until([&] { return ear.polls() == 2; }));
    call.finish(*backend_, *boot_clock());
    EXPECT_TRUE(operation.reply.queued);
    EXPECT_FALSE(operation.reply.told);
    EXPECT_TRUE(acquire(ear).told);
    backend_->forget(ear);
}

TEST_F(RedisHandOffSubscriber, RestartOfTheServerMakesEverybodyPoll) {
    hold("me/0");
    Ear ear{lock_key, "me/1"};
    open(ear);
    server_.restart();
    ASSERT_TRUE(poll_until([&] { return ear.polls() == 2; }));
    hold("me/0");
    EXPECT_TRUE(acquire(ear).told);
    release("me/0");
    ASSERT_TRUE(poll_until([&] { return ear.calls() == 1; }));
    backend_->forget(ear);
}

TEST_F(RedisHandOffSubscriber, NobodyConnectsAgainWhereNobodyListens) {
    hold("me/0");
    Ear ear{lock_key, "me/1"};
    open(ear);
    backend_->forget(ear);
    EXPECT_EQ(subscribers(), 1);
    const std::size_t descriptors = support::open_descriptors();
    EXPECT_EQ(server_.cli("CLIENT", "KILL", "TYPE", "pubsub"), "1");
    ASSERT_TRUE(poll_until([&] { return support::open_descriptors() == descriptors - 1; }));
    const auto later = boot_clock()->now() + 100ms;  // ten times the first pause
    ASSERT_TRUE(poll_until([&] { return boot_clock()->now() > later; }));
    EXPECT_EQ(subscribers(), 0);
    EXPECT_EQ(support::open_descriptors(), descriptors - 1);
    acquire(ear);
    EXPECT_TRUE(poll_until([&] { return subscribers() == 1; }));
    backend_->forget(ear);
}

TEST_F(RedisHandOffSubscriber, RefusedSubscriptionIsTriedSeldomAndLocksWork) {
    server_.cli("ACL", "SETUSER", "deaf", "on", ">secret", "~*", "+@all", "-subscribe", "&*");
    backend_ = make_redis_backend(
        {.url = support::patient(server_.url()), .username = "deaf", .password = "secret"});
    hold("me/0");
    Ear ear{lock_key, "me/1"};
    EXPECT_TRUE(acquire(ear).first);
    const auto rejected = [&] {
        const std::string stats = server_.cli("INFO", "commandstats");
        const std::size_t at = stats.find("cmdstat_subscribe:");
        return at == std::string::npos ? std::string{}
                                       : stats.substr(stats.find("rejected_calls=", at), 16);
    };
    ASSERT_TRUE(poll_until([&] { return rejected() == "rejected_calls=1"; }));
    const auto later = boot_clock()->now() + 500ms;
    ASSERT_TRUE(poll_until([&] { return boot_clock()->now() > later; }));
    EXPECT_EQ(rejected(), "rejected_calls=1");
    EXPECT_FALSE(acquire(ear).told);
    EXPECT_EQ(release("me/0"), Outcome::released);
    EXPECT_EQ(acquire(ear).outcome, Outcome::granted);
    EXPECT_EQ(ear.polls(), 0);
    backend_->forget(ear);
}

TEST_F(RedisHandOffSubscriber, NoCallComesBehindForget) {
    hold("me/0");
    Ear first{lock_key, "me/1"};
    open(first);
    const std::string channel = server_.cli("PUBSUB", "CHANNELS", "leaselock:*");
    std::atomic<bool> enough{false};
    std::jthread publisher{[&] {
        while (!enough) server_.cli("PUBLISH", channel, "me/2|7|1000");
    }};
    int told = 0;
    EXPECT_TRUE(poll_until([&] {
        auto ear = std::make_unique<Ear>(lock_key, "me/2");
        acquire(*ear);
        std::this_thread::yield();
        backend_->forget(*ear);
        told += ear->calls();
        return told >= 20;
    }));
    enough = true;
    backend_->forget(first);
}

TEST_F(RedisHandOffSubscriber, BackendLeavesNeitherThreadNorDescriptor) {
    hold("me/0");
    backend_.reset();
    std::thread{[] {}}.join();  // the first one brings a sanitizer's own
    const std::size_t threads = support::running_threads();
    const std::size_t descriptors = support::open_descriptors();
    backend_ = make_redis_backend({.url = support::patient(server_.url())});
    Ear ear{lock_key, "me/1"};
    open(ear);
    backend_->forget(ear);
    backend_.reset();
    EXPECT_TRUE(poll_until([&] { return support::running_threads() <= threads; }));
    EXPECT_EQ(support::open_descriptors(), descriptors);
    EXPECT_TRUE(poll_until([&] { return subscribers() == 0; }));
}

TEST_F(RedisHandOffSubscriber, BackendEndsWhileTheServerHangs) {
    backend_ = make_redis_backend(
        {.url = server_.url(), .connect_timeout = 1min, .command_timeout = 1min});
    hold("me/0");
    Ear ear{lock_key, "me/1"};
    open(ear);
    backend_->forget(ear);
    server_.pause();
    const auto begin = boot_clock()->now();
    backend_.reset();
    EXPECT_LT(boot_clock()->now() - begin, 30s);
    server_.resume();
}

TEST_F(RedisHandOffSubscriber, BackendEndsWhileItConnects) {
    server_.pause();
    for (int i = 0; i < 20; ++i) {
        auto subscriber = std::make_unique<redis::HandOffSubscriber>(
            redis::settings_of(
                {.url = server_.url(), .connect_timeout = 1min, .command_timeout = 1min}),
            boot_clock());
        const auto begin = boot_clock()->now();
        Ear ear{lock_key, "me/1"};
        subscriber->listen(ear);
        if (i % 2 == 0) std::this_thread::yield();
        subscriber->forget(ear);
        subscriber.reset();
        EXPECT_LT(boot_clock()->now() - begin, 30s);
    }
    server_.resume();
}

TEST_F(RedisHandOffSubscriber, ForkedChildLeavesItAlone) {
    hold("me/0");
    Ear ear{lock_key, "me/1"};
    open(ear);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        backend_->forget(ear);
        backend_.reset();
        ::_exit(0);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    release("me/0");
    EXPECT_TRUE(poll_until([&] { return ear.calls() == 1; }));
    EXPECT_EQ(ear.polls(), 1) << "the connection did not break";
    backend_->forget(ear);
}

TEST(RedisHandOffSubscriberPeer, BackendEndsWhileItWaitsForTheLogin) {
    support::ScriptedPeer peer;
    auto subscriber = std::make_unique<redis::HandOffSubscriber>(
        redis::settings_of({.url = peer.url(), .connect_timeout = 1min, .command_timeout = 1min}),
        boot_clock());
    Ear ear{"key", "me/1"};
    subscriber->listen(ear);
    ASSERT_TRUE(poll_until([&] { return !peer.commands().empty(); }));
    subscriber->forget(ear);
    const auto begin = boot_clock()->now();
    subscriber.reset();
    EXPECT_LT(boot_clock()->now() - begin, 30s);
}

TEST(RedisHandOffSubscriberPeer, SilentConnectionIsGivenUpAndMadeAnew) {
    support::ScriptedPeer peer;
    confirm_and_fall_silent(peer);
    redis::HandOffSubscriber subscriber{
        redis::settings_of({.url = peer.url(), .command_timeout = 1s}), boot_clock()};
    Ear ear{"key", "me/1"};
    subscriber.listen(ear);
    EXPECT_TRUE(poll_until([&] { return ear.polls() >= 2; }));
    EXPECT_GE(peer.connections(), 2U);
    subscriber.forget(ear);
}

}  // namespace
}  // namespace leaselock

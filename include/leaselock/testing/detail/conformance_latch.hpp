// Cases of the conformance suite for backends with shares: a latch counts each token once, opens
// when all have come, lets all in who wait, and is no lock.
#pragma once

#include <deque>
#include <future>
#include <gtest/gtest.h>
#include <string>
#include <system_error>

#include <leaselock/count_down_latch.hpp>
#include <leaselock/testing/detail/conformance_calls.hpp>
#include <leaselock/testing/detail/conformance_case.hpp>
#include <leaselock/testing/detail/conformance_manager.hpp>
#include <leaselock/testing/detail/conformance_share.hpp>
#include <leaselock/testing/detail/conformance_waiter.hpp>

namespace leaselock::testing::detail {

inline constexpr Claim counts_two = Claim::count_down(2);
inline constexpr Claim awaits_two = Claim::await(2);

inline Reply reset_latch(Client& client, const std::string& key, int count) {
    return client.release(key, std::string(latch_mark) + std::to_string(count), 0ms,
                          Claim::await(count));
}

inline constexpr Case<BackendFixture> latch_cases[] = {
    {"LatchOpensWhenAllHaveCountedAndStaysOpen",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const Reply closed = client.acquire(key, new_token(), long_term, awaits_two);
         EXPECT_EQ(closed.outcome, Outcome::held);
         EXPECT_EQ(closed.holder, std::string(latch_mark) + "2");
         EXPECT_EQ(take(client, key, new_token(), counts_two), Outcome::granted);
         EXPECT_EQ(take(client, key, new_token(), awaits_two), Outcome::held);
         EXPECT_EQ(client.inspect(key).shares, 1);
         EXPECT_EQ(take(client, key, new_token(), counts_two), Outcome::granted);
         EXPECT_EQ(take(client, key, new_token(), awaits_two), Outcome::granted);
         EXPECT_EQ(take(client, key, new_token(), awaits_two), Outcome::granted);
         EXPECT_EQ(take(client, key, new_token(), counts_two), Outcome::granted) << "too many";
         EXPECT_EQ(take(client, key, new_token(), awaits_two), Outcome::granted);
     }},
    {"LatchCountsATokenOnce",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         for (int i = 0; i < 3; ++i) {
             EXPECT_EQ(take(client, key, token, counts_two), Outcome::granted);
         }
         EXPECT_EQ(client.inspect(key).shares, 1);
         EXPECT_EQ(take(client, key, new_token(), awaits_two), Outcome::held);
         EXPECT_EQ(client.release(key, token, 0ms, counts_two).outcome, Outcome::lost);
         EXPECT_EQ(client.renew(key, token, long_term, counts_two).outcome, Outcome::lost);
         EXPECT_EQ(client.inspect(key).shares, 1) << "what has been counted stays so";
     }},
    {"LatchIsOfOneCountAndNoLock",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         ASSERT_EQ(take(client, key, new_token(), counts_two), Outcome::granted);
         for (const Claim other : {Claim::count_down(3), Claim::await(1), Claim::permits(1, 2),
                                   Claim::reader(), Claim{}}) {
             const Reply reply = client.acquire(key, new_token(), long_term, other);
             EXPECT_EQ(reply.outcome, Outcome::failed);
             EXPECT_EQ(reply.error, Errc::conflicting_use);
         }
         EXPECT_EQ(client.inspect(key).shares, 1);
         for (const Claim held : {Claim{}, Claim::reader(), Claim::permits(1, 2)}) {
             const std::string lock = key_of(fixture, "lock");
             const std::string token = new_token();
             ASSERT_EQ(take(client, lock, token, held), Outcome::granted);
             const Reply reply = client.acquire(lock, new_token(), long_term, counts_two);
             EXPECT_EQ(reply.error, Errc::conflicting_use);
             EXPECT_EQ(client.release(lock, token, 0ms, held).outcome, Outcome::released);
         }
     }},
    {"LatchIsForgottenBehindItsTime",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         for (int i = 0; i < 2; ++i) {
             ASSERT_EQ(take(client, key, new_token(), counts_two, fixture.term()),
                       Outcome::granted);
         }
         fixture.settle(fixture.term() + rounding);
         EXPECT_EQ(client.inspect(key).outcome, Outcome::free);
         EXPECT_EQ(take(client, key, new_token(), awaits_two), Outcome::held);
         EXPECT_EQ(client.inspect(key).shares, 0);
     }},
    {"LatchLivesAsLongAsSomebodyComesByInTime",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         ASSERT_EQ(take(client, key, new_token(), counts_two, fixture.term()), Outcome::granted);
         ASSERT_EQ(take(client, key, new_token(), awaits_two, long_term), Outcome::held);
         fixture.settle(fixture.term() + rounding);
         EXPECT_EQ(client.inspect(key).shares, 1);
     }},
    {"LatchThatEndedIsClosedAgain",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         EXPECT_EQ(reset_latch(client, key, 2).outcome, Outcome::lost) << "there is none";
         for (int i = 0; i < 2; ++i) {
             ASSERT_EQ(take(client, key, new_token(), counts_two), Outcome::granted);
         }
         EXPECT_EQ(reset_latch(client, key, 3).outcome, Outcome::lost) << "of another count";
         EXPECT_EQ(reset_latch(client, key, 2).outcome, Outcome::released);
         EXPECT_EQ(fixture.raw_holder(key), std::nullopt);
         EXPECT_EQ(take(client, key, new_token(), awaits_two), Outcome::held);
         EXPECT_EQ(client.inspect(key).shares, 0);
     }},
};

inline constexpr Case<BackendFixture> latch_queue_cases[] = {
    {"LatchTellsAllWhoWaitWhenItOpens",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         std::deque<QueueWaiter> waiters;
         for (int i = 0; i < 5; ++i) {
             waiters.emplace_back(fixture, client, key, long_term, awaits_two).queue_up();
         }
         ASSERT_EQ(take(client, key, new_token(), counts_two), Outcome::granted);
         for (QueueWaiter& waiter : waiters) EXPECT_TRUE(waiter.messages().empty());
         EXPECT_EQ(client.inspect(key).waiting, 5);
         ASSERT_EQ(take(client, key, new_token(), counts_two), Outcome::granted);
         for (QueueWaiter& waiter : waiters) EXPECT_GT(waiter.message().fencing_token, 0U);
         EXPECT_EQ(client.inspect(key).waiting, 0);
         EXPECT_EQ(client.inspect(key).shares, 2) << "who waits counts nothing";
     }},
    {"LatchIsNotEndedWhileSomebodyWaits",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         QueueWaiter waiter{fixture, client, key, long_term, awaits_two};
         (void)waiter.queue_up();
         EXPECT_EQ(reset_latch(client, key, 2).error, Errc::conflicting_use);
         EXPECT_EQ(waiter.release().outcome, Outcome::lost);
         EXPECT_EQ(reset_latch(client, key, 2).outcome, Outcome::released);
     }},
    {"LatchWhoseMessageIsLostIsFoundOpenByAPoll",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         QueueWaiter waiter{fixture, client, key, long_term, awaits_two};
         (void)waiter.queue_up();
         waiter.forget();
         for (int i = 0; i < 2; ++i) {
             ASSERT_EQ(take(client, key, new_token(), counts_two), Outcome::granted);
         }
         EXPECT_EQ(waiter.ask().outcome, Outcome::granted);
         EXPECT_EQ(client.inspect(key).waiting, 0);
     }},
};

inline bool await_latch(Blocking /*calls*/, CountDownLatch& latch, const std::stop_token& stop) {
    return latch.wait(stop);
}
inline bool await_latch(Awaited /*calls*/, CountDownLatch& latch, const std::stop_token& stop) {
    const auto run = [&]() -> Promised<bool> { co_return co_await latch.async_wait(stop); };
    return run().result.get();
}

template <class Calls>
inline constexpr Case<BackendFixture> latch_manager_cases[] = {
    {"LatchOfTwoManagersLetsAllGoOnWhenTheLastHasCome",
     [](BackendFixture& fixture) {
         LockManager first = manager_of(fixture, "first:1");
         LockManager second = manager_of(fixture, "second:2");
         CountDownLatch here{first, "latch", 2};
         CountDownLatch there{second, "latch", 2};
         EXPECT_EQ(here.count(), 2);
         EXPECT_FALSE(here.try_wait());
         std::stop_source stop;
         std::vector<std::future<bool>> waits;
         for (CountDownLatch* const latch : {&here, &there, &here}) {
             waits.push_back(std::async(std::launch::async, [latch, token = stop.get_token()] {
                 return await_latch(Calls{}, *latch, token);
             }));
         }
         there.count_down();
         EXPECT_EQ(here.count(), 1);
         EXPECT_EQ(waits.front().wait_for(0ms), std::future_status::timeout);
         here.count_down();
         for (auto& wait : waits) {
             const bool over = settle_until(fixture, patience_of(fixture), [&] {
                 return wait.wait_for(0ms) == std::future_status::ready;
             });
             EXPECT_TRUE(over) << "a waiter is not notified that it is open";
             if (!over) stop.request_stop();
             EXPECT_TRUE(wait.get());
         }
         EXPECT_EQ(there.count(), 0);
         EXPECT_TRUE(there.try_wait());
         here.reset();
         EXPECT_EQ(there.count(), 2);
         EXPECT_FALSE(there.try_wait());
     }},
};

}  // namespace leaselock::testing::detail

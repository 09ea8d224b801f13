// Cases of the conformance suite for backends with a queue: a waiter gets the lock in its turn, is
// notified, and leaves nothing behind.
#pragma once

#include <gtest/gtest.h>
#include <optional>
#include <string>

#include <leaselock/testing/detail/conformance_case.hpp>
#include <leaselock/testing/detail/conformance_waiter.hpp>

namespace leaselock::testing::detail {

inline constexpr Case<BackendFixture> queue_cases[] = {
    {"WaiterOfAHeldKeyHasAnEntryAndLearnsAFence",
     [](BackendFixture& fixture) {
         HeldKey held{fixture};
         QueueWaiter waiter{fixture, held.client, held.key};
         const Reply reply = waiter.queue_up();
         EXPECT_EQ(reply.outcome, Outcome::held);
         EXPECT_TRUE(reply.queued);
         EXPECT_TRUE(reply.first);
         EXPECT_EQ(reply.holder, held.holder);
         EXPECT_GE(reply.fencing_token, held.fence);
         EXPECT_EQ(fixture.raw_holder(held.key), held.holder);
     },
     {},
     of_tokens},
    {"FreeKeyIsGrantedToWhoeverWouldWait",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         QueueWaiter waiter{fixture, client, key};
         EXPECT_EQ(waiter.queue_up().outcome, Outcome::granted);
         EXPECT_EQ(waiter.release().outcome, Outcome::released);
         // No entry is left behind.
         EXPECT_EQ(client.acquire(key, new_token()).outcome, Outcome::granted);
     }},
    {"AcquireWithoutAListenerTakesNoEntry",
     [](BackendFixture& fixture) {
         HeldKey held{fixture};
         const Reply reply = held.client.acquire(held.key, new_token());
         EXPECT_EQ(reply.outcome, Outcome::held);
         EXPECT_FALSE(reply.queued);
         held.release();
         EXPECT_EQ(fixture.raw_holder(held.key), std::nullopt);
         EXPECT_EQ(held.client.acquire(held.key, new_token()).outcome, Outcome::granted);
     }},
    {"ReleaseHandsOverInTheOrderOfTheEntries",
     [](BackendFixture& fixture) {
         Client one{fixture};
         Client two{fixture};
         const std::string key = key_of(fixture);
         const std::string holder = new_token();
         std::uint64_t fence = one.acquire(key, holder).fencing_token;
         QueueWaiter first{fixture, two, key};
         QueueWaiter second{fixture, one, key};
         QueueWaiter third{fixture, two, key};
         EXPECT_TRUE(first.queue_up().first);
         EXPECT_FALSE(second.queue_up().first);
         EXPECT_FALSE(third.queue_up().first);
         ASSERT_EQ(one.release(key, holder).outcome, Outcome::released);
         for (QueueWaiter* const winner : {&first, &second, &third}) {
             EXPECT_GT(winner->message().fencing_token, fence);
             EXPECT_EQ(fixture.raw_holder(key), winner->token());
             fence = winner->message().fencing_token;
             EXPECT_EQ(winner->release().outcome, Outcome::released);
         }
         EXPECT_EQ(fixture.raw_holder(key), std::nullopt);
         for (QueueWaiter* const each : {&first, &second, &third}) {
             EXPECT_EQ(each->messages().size(), 1U) << "a message for another one";
         }
     },
     {},
     of_tokens},
    {"RepeatedAcquireKeepsItsEntry",
     [](BackendFixture& fixture) {
         HeldKey held{fixture};
         QueueWaiter first{fixture, held.client, held.key};
         QueueWaiter second{fixture, held.client, held.key};
         (void)first.queue_up();
         (void)second.queue_up();
         EXPECT_TRUE(first.ask().first);
         EXPECT_FALSE(second.ask().first);
         held.release();
         (void)first.message();
         EXPECT_EQ(fixture.raw_holder(held.key), first.token());
     },
     {},
     of_tokens},
    {"RepeatedAcquireKeepsItsEntryAlive",
     [](BackendFixture& fixture) {
         HeldKey held{fixture};
         QueueWaiter first{fixture, held.client, held.key, 2 * fixture.term()};
         QueueWaiter second{fixture, held.client, held.key};
         (void)first.queue_up();
         (void)second.queue_up();
         for (int round = 0; round < 3; ++round) {
             EXPECT_TRUE(first.ask().first);
             fixture.settle(fixture.term());
         }
         held.release();
         (void)first.message();
         EXPECT_EQ(fixture.raw_holder(held.key), first.token());
     },
     {},
     of_tokens},
    {"DeadEntryIsSkipped",
     [](BackendFixture& fixture) {
         HeldKey held{fixture};
         QueueWaiter dead{fixture, held.client, held.key, fixture.term()};
         QueueWaiter second{fixture, held.client, held.key};
         (void)dead.queue_up();
         (void)second.queue_up();
         fixture.settle(fixture.term() + 2ms);
         EXPECT_TRUE(second.ask().first);
         held.release();
         (void)second.message();
         EXPECT_EQ(fixture.raw_holder(held.key), second.token());
         EXPECT_TRUE(dead.messages().empty());
     },
     {},
     of_tokens},
    {"DeadEntryKeepsNobodyAway",
     [](BackendFixture& fixture) {
         HeldKey held{fixture};
         QueueWaiter dead{fixture, held.client, held.key, fixture.term()};
         (void)dead.queue_up();
         fixture.settle(fixture.term() + 2ms);
         held.release();
         EXPECT_EQ(fixture.raw_holder(held.key), std::nullopt);
         EXPECT_EQ(held.client.acquire(held.key, new_token()).outcome, Outcome::granted);
     },
     {},
     of_tokens},
    {"EntryThatEndsKeepsNobodyAwayAnyMore",
     [](BackendFixture& fixture) {
         HeldKey held{fixture, fixture.term()};
         QueueWaiter first{fixture, held.client, held.key, 3 * fixture.term()};
         (void)first.queue_up();
         fixture.settle(fixture.term() + 2ms);
         EXPECT_EQ(held.client.acquire(held.key, new_token()).outcome, Outcome::held);
         fixture.settle(2 * fixture.term());
         EXPECT_EQ(held.client.acquire(held.key, new_token()).outcome, Outcome::granted);
     }},
    {"ExpiryTellsNobodyAndTheFirstFindsTheKeyFree",
     [](BackendFixture& fixture) {
         HeldKey held{fixture, fixture.term()};
         QueueWaiter first{fixture, held.client, held.key};
         QueueWaiter second{fixture, held.client, held.key};
         (void)first.queue_up();
         (void)second.queue_up();
         fixture.settle(fixture.term() + 2ms);
         EXPECT_TRUE(first.messages().empty());
         EXPECT_EQ(fixture.raw_holder(held.key), std::nullopt);
         const Reply not_his_turn = second.ask();
         EXPECT_EQ(not_his_turn.outcome, Outcome::held);
         EXPECT_TRUE(not_his_turn.queued);
         EXPECT_FALSE(not_his_turn.first);
         EXPECT_EQ(not_his_turn.holder, "");
         EXPECT_EQ(not_his_turn.remaining, 0ms);
         const Reply grant = first.ask();
         EXPECT_EQ(grant.outcome, Outcome::granted);
         EXPECT_GT(grant.fencing_token, held.fence);
         EXPECT_TRUE(second.ask().first);
     },
     {},
     of_tokens},
    {"AcquireWithoutAnEntryDoesNotPassOneThatLives",
     [](BackendFixture& fixture) {
         Client other{fixture};
         HeldKey held{fixture, fixture.term()};
         QueueWaiter first{fixture, held.client, held.key};
         (void)first.queue_up();
         fixture.settle(fixture.term() + 2ms);
         const Reply reply = other.acquire(held.key, new_token());
         EXPECT_EQ(reply.outcome, Outcome::held);
         EXPECT_EQ(reply.holder, "");
         EXPECT_FALSE(reply.queued);
         EXPECT_EQ(other.inspect(held.key).outcome, Outcome::free);
         EXPECT_EQ(first.ask().outcome, Outcome::granted);
     },
     {},
     of_tokens},
    {"ReleaseOfAnEntryIsLostAndLeavesTheQueue",
     [](BackendFixture& fixture) {
         HeldKey held{fixture};
         QueueWaiter first{fixture, held.client, held.key};
         QueueWaiter second{fixture, held.client, held.key};
         (void)first.queue_up();
         (void)second.queue_up();
         EXPECT_EQ(first.release().outcome, Outcome::lost);
         EXPECT_EQ(fixture.raw_holder(held.key), held.holder);
         EXPECT_TRUE(second.ask().first);
         held.release();
         (void)second.message();
         EXPECT_EQ(fixture.raw_holder(held.key), second.token());
         EXPECT_TRUE(first.messages().empty());
     },
     {},
     of_tokens},
    {"RenewOfAnEntryIsLostAndKeepsIt",
     [](BackendFixture& fixture) {
         HeldKey held{fixture};
         QueueWaiter first{fixture, held.client, held.key};
         (void)first.queue_up();
         EXPECT_EQ(held.client.renew(held.key, first.token()).outcome, Outcome::lost);
         held.release();
         (void)first.message();
         EXPECT_EQ(fixture.raw_holder(held.key), first.token());
     }},
    {"HandOffIsALeaseLikeAnyOther",
     [](BackendFixture& fixture) {
         Client other{fixture};
         HeldKey held{fixture};
         QueueWaiter winner{fixture, held.client, held.key};
         const std::uint64_t answered = winner.queue_up().fencing_token;
         held.release();
         const HandOff message = winner.message();
         EXPECT_GT(message.fencing_token, answered);
         EXPECT_LT(message.fencing_token, fence_end);
         EXPECT_GT(message.ttl, 0ms);
         EXPECT_LE(message.ttl, long_term);
         const Reply inspected = other.inspect(held.key);
         EXPECT_EQ(inspected.outcome, Outcome::held);
         EXPECT_EQ(inspected.holder, winner.token());
         EXPECT_GE(inspected.fencing_token, message.fencing_token);
         EXPECT_LE(inspected.remaining, message.ttl);
         EXPECT_EQ(other.acquire(held.key, new_token()).outcome, Outcome::held);
         EXPECT_EQ(held.client.renew(held.key, winner.token()).outcome, Outcome::renewed);
         EXPECT_GT(other.inspect(held.key).remaining, long_term / 2);
         EXPECT_EQ(winner.release().outcome, Outcome::released);
         EXPECT_EQ(fixture.raw_holder(held.key), std::nullopt);
     },
     {},
     of_tokens},
    {"WinnerThatAcquiresAgainIsToldNoLowerFenceAndProlongs",
     [](BackendFixture& fixture) {
         HeldKey held{fixture};
         QueueWaiter winner{fixture, held.client, held.key};
         (void)winner.queue_up();
         held.release();
         const HandOff message = winner.message();
         const Reply again = winner.ask();
         EXPECT_EQ(again.outcome, Outcome::granted);
         EXPECT_GE(again.fencing_token, message.fencing_token);
         EXPECT_GT(held.client.inspect(held.key).remaining, long_term / 2);
     },
     {},
     of_tokens},
    {"HandOffEndsIfItsWinnerIsSilent",
     [](BackendFixture& fixture) {
         HeldKey held{fixture};
         QueueWaiter silent{fixture, held.client, held.key};
         (void)silent.queue_up();
         ASSERT_EQ(silent.ask(fixture.term()).outcome, Outcome::held);
         held.release();
         EXPECT_LE(silent.message().ttl, fixture.term());
         EXPECT_TRUE(settle_until(fixture, 10 * fixture.term(), [&] {
             return held.client.acquire(held.key, held.holder).outcome == Outcome::granted;
         }));
         EXPECT_EQ(silent.release().outcome, Outcome::lost);
     }},
    {"WinnerHasNoEntryAnyMore",
     [](BackendFixture& fixture) {
         HeldKey held{fixture};
         QueueWaiter winner{fixture, held.client, held.key};
         QueueWaiter next{fixture, held.client, held.key};
         (void)winner.queue_up();
         (void)next.queue_up();
         held.release();
         (void)winner.message();
         EXPECT_TRUE(next.ask().first);
         EXPECT_EQ(winner.release().outcome, Outcome::released);
         (void)next.message();
         EXPECT_EQ(next.release().outcome, Outcome::released);
         EXPECT_EQ(fixture.raw_holder(held.key), std::nullopt);
         EXPECT_EQ(held.client.acquire(held.key, held.holder).outcome, Outcome::granted);
     },
     {},
     of_tokens},
    {"WinnerThatHasLeftHandsTheLockOn",
     [](BackendFixture& fixture) {
         HeldKey held{fixture};
         QueueWaiter gone{fixture, held.client, held.key};
         QueueWaiter next{fixture, held.client, held.key};
         (void)gone.queue_up();
         (void)next.queue_up();
         gone.forget();
         held.release();
         // Its entry was alive, so the lock is its own or, where it is not notified, the next
         // one's.
         (void)gone.release();
         EXPECT_GT(next.message().fencing_token, 0U);
         EXPECT_EQ(fixture.raw_holder(held.key), next.token());
         EXPECT_TRUE(gone.messages().empty());
     }},
    {"KeptKeyIsNotHandedOver",
     [](BackendFixture& fixture) {
         HeldKey held{fixture};
         QueueWaiter first{fixture, held.client, held.key};
         (void)first.queue_up();
         held.release(fixture.term());
         const Reply kept = first.ask();
         EXPECT_EQ(kept.outcome, Outcome::held);
         EXPECT_TRUE(kept.kept);
         EXPECT_TRUE(kept.queued);
         EXPECT_TRUE(kept.first);
         fixture.settle(fixture.term() + 2ms);
         EXPECT_TRUE(first.messages().empty());
         EXPECT_EQ(held.client.acquire(held.key, new_token()).outcome, Outcome::held);
         EXPECT_EQ(first.ask().outcome, Outcome::granted);
     },
     keeping},
    {"EntryIsForOneKey",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string other = key_of(fixture, "other");
         const std::string holder = new_token();
         ASSERT_EQ(client.acquire(key, holder).outcome, Outcome::granted);
         ASSERT_EQ(client.acquire(other, holder).outcome, Outcome::granted);
         QueueWaiter waiter{fixture, client, key};
         (void)waiter.queue_up();
         ASSERT_EQ(client.release(other, holder).outcome, Outcome::released);
         EXPECT_EQ(fixture.raw_holder(other), std::nullopt);
         EXPECT_EQ(client.acquire(other, new_token()).outcome, Outcome::granted);
         EXPECT_TRUE(waiter.ask().first);
         EXPECT_TRUE(waiter.messages().empty());
     },
     {},
     of_tokens},
    {"ForgottenAndUnknownListenersAreIgnored",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         QueueWaiter unknown{fixture, client, key};
         unknown.forget();
         const std::string holder = new_token();
         ASSERT_EQ(client.acquire(key, holder).outcome, Outcome::granted);
         QueueWaiter waiter{fixture, client, key};
         (void)waiter.queue_up();
         waiter.forget();
         waiter.forget();
         ASSERT_EQ(client.release(key, holder).outcome, Outcome::released);
         fixture.settle(fixture.term());
         EXPECT_TRUE(waiter.messages().empty());
         // It may come back.
         (void)waiter.release();
         EXPECT_EQ(fixture.raw_holder(key), std::nullopt);
     }},
};

}  // namespace leaselock::testing::detail

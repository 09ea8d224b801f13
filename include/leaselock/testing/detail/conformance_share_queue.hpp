// Cases of the conformance suite for backends with shares and a queue: one order for readers,
// writers and those who want permits, and one release for as many as it is enough for.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <leaselock/testing/detail/conformance_case.hpp>
#include <leaselock/testing/detail/conformance_share.hpp>
#include <leaselock/testing/detail/conformance_waiter.hpp>

namespace leaselock::testing::detail {

inline constexpr Case<BackendFixture> share_queue_cases[] = {
    {"WriterHandsOverToAllReadersWhoWaitBeforeTheNextWriter",
     [](BackendFixture& fixture) {
         HeldKey held{fixture};
         std::deque<QueueWaiter> readers;
         for (int i = 0; i < 5; ++i) {
             readers.emplace_back(fixture, held.client, held.key, long_term, shared).queue_up();
         }
         QueueWaiter writer{fixture, held.client, held.key};
         QueueWaiter late{fixture, held.client, held.key, long_term, shared};
         (void)writer.queue_up();
         (void)late.queue_up();
         held.release();
         std::vector<std::uint64_t> fences;
         for (QueueWaiter& reader : readers) fences.push_back(reader.message().fencing_token);
         std::sort(fences.begin(), fences.end());
         EXPECT_GT(fences.front(), held.fence);
         EXPECT_EQ(std::unique(fences.begin(), fences.end()), fences.end()) << "each its own";
         EXPECT_EQ(held.client.inspect(held.key).shares, 5);
         EXPECT_EQ(held.client.inspect(held.key).waiting, 2);
         for (QueueWaiter& reader : readers) {
             EXPECT_TRUE(writer.messages().empty());
             EXPECT_EQ(reader.release().outcome, Outcome::released);
         }
         EXPECT_GT(writer.message().fencing_token, fences.back());
         EXPECT_EQ(fixture.raw_holder(held.key), writer.token());
         EXPECT_TRUE(late.messages().empty());
         EXPECT_EQ(writer.release().outcome, Outcome::released);
         EXPECT_GT(late.message().fencing_token, fences.back());
     }},
    {"ReaderDoesNotPassAWriterWhoWaits",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string reader = new_token();
         ASSERT_EQ(take(client, key, reader, shared), Outcome::granted);
         QueueWaiter writer{fixture, client, key};
         EXPECT_TRUE(writer.queue_up().first);
         EXPECT_EQ(take(client, key, new_token(), shared), Outcome::held);
         QueueWaiter behind{fixture, client, key, long_term, shared};
         const Reply reply = behind.queue_up();
         EXPECT_TRUE(reply.queued);
         EXPECT_FALSE(reply.first);
         EXPECT_EQ(take(client, key, reader, shared), Outcome::granted) << "it has its share";
         EXPECT_EQ(writer.release().outcome, Outcome::lost);
         EXPECT_EQ(behind.ask().outcome, Outcome::granted) << "none is before it any more";
     }},
    {"ReadersAreLetInAfterAWriterThatDied",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         ASSERT_EQ(take(client, key, new_token(), shared), Outcome::granted);
         QueueWaiter dead{fixture, client, key, fixture.term()};
         (void)dead.queue_up();
         std::deque<QueueWaiter> readers;
         for (int i = 0; i < 3; ++i) {
             readers.emplace_back(fixture, client, key, long_term, shared).queue_up();
         }
         fixture.settle(fixture.term() + 2ms);
         EXPECT_EQ(readers[0].ask().outcome, Outcome::granted);
         EXPECT_GT(readers[1].message().fencing_token, 0U) << "with the first";
         EXPECT_GT(readers[2].message().fencing_token, 0U);
         EXPECT_EQ(client.inspect(key).shares, 4);
         EXPECT_TRUE(dead.messages().empty());
     }},
    {"WhoWantsManyPermitsIsNotPassed",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string two = new_token();
         const std::string one = new_token();
         ASSERT_EQ(take(client, key, two, Claim::permits(2, 3)), Outcome::granted);
         ASSERT_EQ(take(client, key, one, Claim::permits(1, 3)), Outcome::granted);
         QueueWaiter many{fixture, client, key, long_term, Claim::permits(3, 3)};
         QueueWaiter few{fixture, client, key, long_term, Claim::permits(1, 3)};
         (void)many.queue_up();
         (void)few.queue_up();
         EXPECT_EQ(client.release(key, two, 0ms, Claim::permits(2, 3)).outcome, Outcome::released);
         EXPECT_TRUE(few.ask().queued);
         EXPECT_EQ(take(client, key, new_token(), Claim::permits(1, 3)), Outcome::held);
         EXPECT_TRUE(many.messages().empty());
         EXPECT_EQ(client.release(key, one, 0ms, Claim::permits(1, 3)).outcome, Outcome::released);
         EXPECT_GT(many.message().fencing_token, 0U);
         EXPECT_EQ(client.inspect(key).shares, 3);
         EXPECT_TRUE(few.messages().empty());
         EXPECT_EQ(many.release().outcome, Outcome::released);
         EXPECT_GT(few.message().fencing_token, 0U);
     }},
    {"OneReleaseServesAsManyAsItIsEnoughFor",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string all = new_token();
         ASSERT_EQ(take(client, key, all, Claim::permits(4, 4)), Outcome::granted);
         std::deque<QueueWaiter> waiters;
         for (int i = 0; i < 3; ++i) {
             waiters.emplace_back(fixture, client, key, long_term, Claim::permits(2, 4)).queue_up();
         }
         EXPECT_EQ(client.release(key, all, 0ms, Claim::permits(4, 4)).outcome, Outcome::released);
         EXPECT_GT(waiters[0].message().fencing_token, 0U);
         EXPECT_GT(waiters[1].message().fencing_token, 0U);
         EXPECT_EQ(client.inspect(key).shares, 4);
         EXPECT_TRUE(waiters[2].messages().empty());
         EXPECT_TRUE(waiters[2].ask().first);
     }},
    {"HandedOverShareIsALeaseLikeAnyOther",
     [](BackendFixture& fixture) {
         HeldKey held{fixture};
         QueueWaiter silent{fixture, held.client, held.key, long_term, Claim::permits(2, 2)};
         (void)silent.queue_up();
         ASSERT_EQ(silent.ask(fixture.term()).outcome, Outcome::held);
         held.release();
         EXPECT_LE(silent.message().ttl, fixture.term());
         EXPECT_EQ(held.client.inspect(held.key).shares, 2);
         EXPECT_TRUE(settle_until(fixture, 10 * fixture.term(), [&] {
             return held.client.acquire(held.key, held.holder).outcome == Outcome::granted;
         }));
         EXPECT_EQ(silent.release().outcome, Outcome::lost);
     }},
    {"WholeKeyThatBecomesAShareLetsReadersIn",
     [](BackendFixture& fixture) {
         HeldKey held{fixture};
         QueueWaiter reader{fixture, held.client, held.key, long_term, shared};
         QueueWaiter writer{fixture, held.client, held.key};
         (void)reader.queue_up();
         (void)writer.queue_up();
         EXPECT_EQ(held.client.renew(held.key, held.holder, long_term, shared).outcome,
                   Outcome::renewed);
         EXPECT_GT(reader.message().fencing_token, held.fence);
         EXPECT_EQ(held.client.inspect(held.key).shares, 2);
         EXPECT_TRUE(writer.messages().empty());
     }},
    {"ThousandReadersAreLetInByOneRelease",
     [](BackendFixture& fixture) {
         HeldKey held{fixture};
         std::deque<QueueWaiter> readers;
         for (int i = 0; i < 1000; ++i) {
             readers.emplace_back(fixture, held.client, held.key, long_term, shared).queue_up();
         }
         held.release();
         for (QueueWaiter& reader : readers) ASSERT_GT(reader.message().fencing_token, held.fence);
         EXPECT_EQ(held.client.inspect(held.key).shares, 1000);
         EXPECT_EQ(held.client.inspect(held.key).waiting, 0);
     }},
};

}  // namespace leaselock::testing::detail

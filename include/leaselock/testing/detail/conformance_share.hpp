// Cases of the conformance suite for backends with shares: who may hold at the same time, that each
// holder has a lease of its own, and how all of a key becomes a share.
#pragma once

#include <cstdint>
#include <gtest/gtest.h>
#include <string>

#include <leaselock/testing/detail/conformance_case.hpp>
#include <leaselock/testing/detail/conformance_lease.hpp>

namespace leaselock::testing::detail {

inline Outcome take(Client& client, const std::string& key, const std::string& token, Claim claim,
                    milliseconds ttl = long_term) {
    return client.acquire(key, token, ttl, claim).outcome;
}

inline constexpr Case<BackendFixture> share_cases[] = {
    {"ReadersHoldAtTheSameTimeWithRisingFences",
     [](BackendFixture& fixture) {
         Client first{fixture};
         Client second{fixture};
         const std::string key = key_of(fixture);
         std::uint64_t last = 0;
         for (Client* const client : {&first, &second, &first}) {
             const Reply reply = client->acquire(key, new_token(), long_term, shared);
             ASSERT_EQ(reply.outcome, Outcome::granted) << reply.detail;
             EXPECT_GT(reply.fencing_token, last);
             EXPECT_LT(reply.fencing_token, fence_end);
             last = reply.fencing_token;
         }
         const Reply inspected = second.inspect(key);
         EXPECT_EQ(inspected.outcome, Outcome::held);
         EXPECT_EQ(inspected.holder, std::string(shared_mark) + "0");
         EXPECT_EQ(inspected.shares, 3);
         EXPECT_GE(inspected.fencing_token, last);
     }},
    {"WriterAndReadersExcludeEachOther",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string reader = new_token();
         const std::string second = new_token();
         const std::string writer = new_token();
         ASSERT_EQ(take(client, key, reader, shared), Outcome::granted);
         ASSERT_EQ(take(client, key, second, shared), Outcome::granted);
         EXPECT_EQ(take(client, key, writer, exclusive), Outcome::held);
         EXPECT_EQ(client.release(key, reader, 0ms, shared).outcome, Outcome::released);
         EXPECT_EQ(take(client, key, writer, exclusive), Outcome::held) << "one is left";
         EXPECT_EQ(client.release(key, second, 0ms, shared).outcome, Outcome::released);
         const Reply grant = client.acquire(key, writer);
         ASSERT_EQ(grant.outcome, Outcome::granted);
         const Reply kept_out = client.acquire(key, new_token(), long_term, shared);
         EXPECT_EQ(kept_out.outcome, Outcome::held);
         EXPECT_EQ(kept_out.holder, writer);
         EXPECT_EQ(client.release(key, writer).outcome, Outcome::released);
         EXPECT_GT(client.acquire(key, new_token(), long_term, shared).fencing_token,
                   grant.fencing_token);
     }},
    {"PermitsAreGivenAsFarAsThereAre",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string two = new_token();
         ASSERT_EQ(take(client, key, two, Claim::permits(2, 5)), Outcome::granted);
         ASSERT_EQ(take(client, key, new_token(), Claim::permits(2, 5)), Outcome::granted);
         EXPECT_EQ(take(client, key, new_token(), Claim::permits(2, 5)), Outcome::held)
             << "one is left";
         EXPECT_EQ(take(client, key, new_token(), Claim::permits(1, 5)), Outcome::granted);
         EXPECT_EQ(take(client, key, new_token(), Claim::permits(1, 5)), Outcome::held);
         EXPECT_EQ(client.inspect(key).shares, 5);
         EXPECT_EQ(client.release(key, two, 0ms, Claim::permits(2, 5)).outcome, Outcome::released);
         EXPECT_EQ(client.inspect(key).shares, 3);
         EXPECT_EQ(take(client, key, new_token(), Claim::permits(3, 5)), Outcome::held);
         EXPECT_EQ(take(client, key, new_token(), Claim::permits(2, 5)), Outcome::granted);
     }},
    {"AnotherNumberOfSharesIsRefusedWhileOneIsHeld",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         ASSERT_EQ(take(client, key, token, Claim::permits(1, 5)), Outcome::granted);
         for (const Claim other : {Claim::permits(1, 4), Claim::permits(1, 6), Claim::reader()}) {
             const Reply reply = client.acquire(key, new_token(), long_term, other);
             EXPECT_EQ(reply.outcome, Outcome::failed);
             EXPECT_EQ(reply.error, Errc::conflicting_use);
             EXPECT_FALSE(reply.detail.empty());
         }
         EXPECT_EQ(client.inspect(key).shares, 1);
         ASSERT_EQ(client.release(key, token, 0ms, Claim::permits(1, 5)).outcome,
                   Outcome::released);
         EXPECT_EQ(take(client, key, new_token(), Claim::permits(1, 4)), Outcome::granted);
     }},
    {"RetryOfAShareTakesNoSecondOne",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         const Reply first = client.acquire(key, token, long_term, Claim::permits(2, 3));
         const Reply again = client.acquire(key, token, fixture.term(), Claim::permits(2, 3));
         ASSERT_EQ(again.outcome, Outcome::granted);
         EXPECT_GE(again.fencing_token, first.fencing_token);
         EXPECT_EQ(client.inspect(key).shares, 2);
         EXPECT_GT(client.inspect(key).remaining, long_term / 2) << "it never shortens a lease";
         EXPECT_EQ(client.release(key, token, 0ms, Claim::permits(2, 3)).outcome,
                   Outcome::released);
         EXPECT_EQ(fixture.raw_holder(key), std::nullopt);
         EXPECT_EQ(client.release(key, token, 0ms, Claim::permits(2, 3)).outcome, Outcome::lost);
     }},
    {"ShareOfADeadHolderIsFreeWhenHisLeaseEnds",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string dead = new_token();
         const std::string alive = new_token();
         const auto begin = fixture.clock()->now();
         ASSERT_EQ(take(client, key, dead, Claim::permits(2, 3), fixture.term()), Outcome::granted);
         ASSERT_EQ(take(client, key, alive, Claim::permits(1, 3)), Outcome::granted);
         const std::string next = new_token();
         EXPECT_TRUE(settle_until(fixture, 10 * fixture.term(), [&] {
             return take(client, key, next, Claim::permits(2, 3)) == Outcome::granted;
         }));
         EXPECT_GE(fixture.clock()->now() - begin, fixture.term() - rounding);
         EXPECT_EQ(client.renew(key, dead, long_term, Claim::permits(2, 3)).outcome, Outcome::lost);
         EXPECT_EQ(client.release(key, dead, 0ms, Claim::permits(2, 3)).outcome, Outcome::lost);
         EXPECT_EQ(client.renew(key, alive, long_term, Claim::permits(1, 3)).outcome,
                   Outcome::renewed);
         EXPECT_EQ(client.inspect(key).shares, 3);
     }},
    {"WriterWaitsForNoLongerThanTheLeasesOfDeadReaders",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string leaves = new_token();
         const auto begin = fixture.clock()->now();
         ASSERT_EQ(take(client, key, leaves, shared, long_term), Outcome::granted);
         ASSERT_EQ(take(client, key, new_token(), shared, fixture.term()), Outcome::granted);
         ASSERT_EQ(client.release(key, leaves, 0ms, shared).outcome, Outcome::released);
         EXPECT_LE(client.inspect(key).remaining, fixture.term());
         const auto took = time_until_free(fixture, client, key, begin, 10 * fixture.term());
         EXPECT_GE(took, fixture.term() - rounding);
         EXPECT_LT(took, 10 * fixture.term());
     }},
    {"RenewProlongsItsOwnShareAlone",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string renews = new_token();
         const std::string silent = new_token();
         ASSERT_EQ(take(client, key, renews, Claim::permits(1, 2), fixture.term()),
                   Outcome::granted);
         ASSERT_EQ(take(client, key, silent, Claim::permits(1, 2), fixture.term()),
                   Outcome::granted);
         EXPECT_EQ(client.renew(key, renews, long_term, Claim::permits(1, 2)).outcome,
                   Outcome::renewed);
         EXPECT_EQ(client.renew(key, renews, fixture.term(), Claim::permits(1, 2)).outcome,
                   Outcome::renewed);
         fixture.settle(fixture.term() + rounding);
         EXPECT_EQ(client.inspect(key).shares, 1);
         EXPECT_EQ(client.renew(key, silent, long_term, Claim::permits(1, 2)).outcome,
                   Outcome::lost);
         EXPECT_EQ(client.renew(key, renews, long_term, Claim::permits(1, 2)).outcome,
                   Outcome::renewed);
         EXPECT_GT(client.inspect(key).remaining, long_term / 2);
     }},
    {"ShareIsNotRenewedOrReleasedByAnother",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         ASSERT_EQ(take(client, key, token, shared), Outcome::granted);
         EXPECT_EQ(client.renew(key, new_token(), max_ttl, shared).outcome, Outcome::lost);
         EXPECT_EQ(client.release(key, new_token(), 0ms, shared).outcome, Outcome::lost);
         EXPECT_EQ(client.renew(key, token).outcome, Outcome::lost) << "it holds no whole key";
         EXPECT_EQ(client.release(key, token).outcome, Outcome::lost);
         EXPECT_EQ(client.inspect(key).shares, 1);
         EXPECT_LE(client.inspect(key).remaining, long_term);
     }},
    {"KeptShareStaysTakenForItsTime",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         ASSERT_EQ(take(client, key, token, Claim::permits(1, 1)), Outcome::granted);
         const auto begin = fixture.clock()->now();
         ASSERT_EQ(client.release(key, token, fixture.term(), Claim::permits(1, 1)).outcome,
                   Outcome::released);
         EXPECT_EQ(client.renew(key, token, long_term, Claim::permits(1, 1)).outcome,
                   Outcome::lost);
         EXPECT_EQ(client.release(key, token, 0ms, Claim::permits(1, 1)).outcome, Outcome::lost);
         EXPECT_EQ(take(client, key, new_token(), Claim::permits(1, 1)), Outcome::held);
         const auto took = time_until_free(fixture, client, key, begin, 10 * fixture.term());
         EXPECT_GE(took, fixture.term() - rounding);
         EXPECT_LT(took, 10 * fixture.term());
     }},
    {"AcquireOfAShareBehindItsDeadlineDoesNothing",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         ASSERT_TRUE(warm_up(fixture, client));
         const std::string token = new_token();
         const Reply reply = client.ask({.verb = Verb::acquire,
                                         .key = key,
                                         .token = token,
                                         .ttl = long_term,
                                         .claim = shared,
                                         .deadline = fixture.clock()->now() - 1s});
         EXPECT_EQ(reply.outcome, Outcome::failed);
         EXPECT_EQ(fixture.raw_holder(key), std::nullopt);
     }},
    {"RenewWithAShareTurnsTheWholeKeyIntoIt",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         ASSERT_EQ(client.acquire(key, token).outcome, Outcome::granted);
         EXPECT_EQ(take(client, key, new_token(), shared), Outcome::held);
         ASSERT_EQ(client.renew(key, token, fixture.term(), shared).outcome, Outcome::renewed);
         EXPECT_GT(client.inspect(key).remaining, long_term / 2) << "it never shortens a lease";
         EXPECT_EQ(take(client, key, new_token(), shared), Outcome::granted);
         EXPECT_EQ(client.inspect(key).shares, 2);
         EXPECT_EQ(client.renew(key, token, fixture.term(), shared).outcome, Outcome::renewed);
         EXPECT_EQ(client.release(key, token, 0ms, shared).outcome, Outcome::released);
         EXPECT_EQ(client.inspect(key).shares, 1);
     }},
    {"WholeKeyIsReleasedAsAShareToo",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         ASSERT_EQ(client.acquire(key, token).outcome, Outcome::granted);
         EXPECT_EQ(client.release(key, token, 0ms, shared).outcome, Outcome::released);
         EXPECT_EQ(fixture.raw_holder(key), std::nullopt);
     }},
    {"ReleaseByTheirMarkEndsAllShares",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         ASSERT_EQ(take(client, key, token, Claim::permits(1, 3)), Outcome::granted);
         ASSERT_EQ(take(client, key, new_token(), Claim::permits(1, 3)), Outcome::granted);
         EXPECT_EQ(client.release(key, std::string(shared_mark) + "2").outcome, Outcome::lost);
         EXPECT_EQ(client.release(key, client.inspect(key).holder).outcome, Outcome::released);
         EXPECT_EQ(fixture.raw_holder(key), std::nullopt);
         ASSERT_EQ(take(client, key, new_token(), Claim::permits(1, 3)), Outcome::granted);
         EXPECT_EQ(client.renew(key, token, long_term, Claim::permits(1, 3)).outcome, Outcome::lost)
             << "it does not come back with the next holder";
         EXPECT_EQ(client.inspect(key).shares, 1);
     }},
};

}  // namespace leaselock::testing::detail

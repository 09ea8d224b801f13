// Cases of the conformance suite: when a lease ends, what prolongs it, what never shortens it, and
// what comes too late.
#pragma once

#include <gtest/gtest.h>
#include <string>

#include <leaselock/testing/detail/conformance_case.hpp>

namespace leaselock::testing::detail {

// The store may count in milliseconds, and begin to count a moment before we do.
inline constexpr milliseconds rounding = 2ms;

inline constexpr Case<BackendFixture> lease_cases[] = {
    {"LeaseEndsAtItsTimeAndNotBefore",
     [](BackendFixture& fixture) {
         Client first{fixture};
         Client second{fixture};
         const std::string key = key_of(fixture);
         const auto begin = fixture.clock()->now();
         const Reply reply = first.acquire(key, new_token(), fixture.term());
         ASSERT_EQ(reply.outcome, Outcome::granted) << reply.detail;
         const auto took = time_until_free(fixture, second, key, begin, 10 * fixture.term());
         EXPECT_GE(took, fixture.term() - rounding);
         EXPECT_LT(took, 10 * fixture.term());
         EXPECT_GT(second.inspect(key).fencing_token, reply.fencing_token);
     }},
    {"ShortestAndLongestLeasesAreGranted",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string brief = key_of(fixture, "brief");
         const std::string lasting = key_of(fixture, "lasting");
         EXPECT_EQ(client.acquire(brief, new_token(), min_ttl).outcome, Outcome::granted);
         EXPECT_EQ(client.acquire(lasting, new_token(), max_ttl).outcome, Outcome::granted);
         fixture.settle(min_ttl + rounding);
         EXPECT_EQ(client.inspect(brief).outcome, Outcome::free);
         EXPECT_GT(client.inspect(lasting).remaining, max_ttl - 1h);
         EXPECT_LE(client.inspect(lasting).remaining, max_ttl);
     },
     {},
     of_tokens},
    {"RetryWithTheSameTokenIsToldNoLowerFence",
     [](BackendFixture& fixture) {
         Client first{fixture};
         Client second{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         std::uint64_t last = first.acquire(key, token).fencing_token;
         for (Client* client : {&first, &second}) {
             const Reply again = client->acquire(key, token);
             EXPECT_EQ(again.outcome, Outcome::granted);
             EXPECT_GE(again.fencing_token, last);
             last = again.fencing_token;
         }
         EXPECT_EQ(first.release(key, token).outcome, Outcome::released);
         EXPECT_GT(first.acquire(key, new_token()).fencing_token, last);
     },
     {},
     of_tokens},
    {"RetryNeverShortensALease",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         ASSERT_EQ(client.acquire(key, token, long_term).outcome, Outcome::granted);
         ASSERT_EQ(client.acquire(key, token, fixture.term()).outcome, Outcome::granted);
         fixture.settle(fixture.term() + rounding);
         EXPECT_EQ(fixture.raw_holder(key), token);
         EXPECT_GT(client.inspect(key).remaining, long_term / 2);
     },
     {},
     of_tokens},
    {"RetryProlongsALeaseThatWouldEndSooner",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         ASSERT_EQ(client.acquire(key, token, fixture.term()).outcome, Outcome::granted);
         ASSERT_EQ(client.acquire(key, token, long_term).outcome, Outcome::granted);
         fixture.settle(fixture.term() + rounding);
         EXPECT_EQ(fixture.raw_holder(key), token);
     },
     {},
     of_tokens},
    {"AcquireBehindItsDeadlineDoesNothing",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         ASSERT_TRUE(warm_up(fixture, client));
         const std::string token = new_token();
         const Reply reply = client.ask({.verb = Verb::acquire,
                                         .key = key,
                                         .token = token,
                                         .ttl = long_term,
                                         .deadline = fixture.clock()->now() - 1s});
         EXPECT_EQ(reply.outcome, Outcome::failed);
         EXPECT_EQ(client.inspect(key).outcome, Outcome::free);
         EXPECT_EQ(fixture.raw_holder(key), std::nullopt);
     }},
    {"RenewProlongsALease",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         ASSERT_EQ(client.acquire(key, token, fixture.term()).outcome, Outcome::granted);
         ASSERT_EQ(client.renew(key, token, long_term).outcome, Outcome::renewed);
         fixture.settle(fixture.term() + rounding);
         EXPECT_EQ(fixture.raw_holder(key), token);
         EXPECT_GT(client.inspect(key).remaining, long_term / 2);
     },
     {},
     of_tokens},
    {"RenewNeverShortensALease",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         ASSERT_EQ(client.acquire(key, token, long_term).outcome, Outcome::granted);
         EXPECT_EQ(client.renew(key, token, fixture.term()).outcome, Outcome::renewed);
         fixture.settle(fixture.term() + rounding);
         EXPECT_EQ(fixture.raw_holder(key), token);
         EXPECT_GT(client.inspect(key).remaining, long_term / 2);
     },
     {},
     of_tokens},
    {"RenewByAnotherIsLostAndChangesNothing",
     [](BackendFixture& fixture) {
         Client first{fixture};
         Client second{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         ASSERT_EQ(first.acquire(key, token, long_term).outcome, Outcome::granted);
         EXPECT_EQ(second.renew(key, new_token(), max_ttl).outcome, Outcome::lost);
         EXPECT_EQ(fixture.raw_holder(key), token);
         EXPECT_LE(first.inspect(key).remaining, long_term);
     }},
    {"RenewMakesNoLock",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         EXPECT_EQ(client.renew(key, token).outcome, Outcome::lost);
         ASSERT_EQ(client.acquire(key, token, fixture.term()).outcome, Outcome::granted);
         fixture.settle(fixture.term() + rounding);
         EXPECT_EQ(client.renew(key, token).outcome, Outcome::lost);
         EXPECT_EQ(fixture.raw_holder(key), std::nullopt);
         EXPECT_EQ(client.acquire(key, new_token()).outcome, Outcome::granted);
     }},
    {"LateReleaseDoesNotFreeTheNewOwner",
     [](BackendFixture& fixture) {
         Client first{fixture};
         Client second{fixture};
         const std::string key = key_of(fixture);
         const std::string late = new_token();
         const std::string owner = new_token();
         ASSERT_EQ(first.acquire(key, late, fixture.term()).outcome, Outcome::granted);
         fixture.settle(fixture.term() + rounding);
         ASSERT_EQ(second.acquire(key, owner).outcome, Outcome::granted);
         EXPECT_EQ(first.release(key, late).outcome, Outcome::lost);
         EXPECT_EQ(fixture.raw_holder(key), owner);
         EXPECT_EQ(second.release(key, owner).outcome, Outcome::released);
     }},
    {"LateRenewDoesNotProlongTheNewOwner",
     [](BackendFixture& fixture) {
         Client first{fixture};
         Client second{fixture};
         const std::string key = key_of(fixture);
         const std::string late = new_token();
         const std::string owner = new_token();
         ASSERT_EQ(first.acquire(key, late, fixture.term()).outcome, Outcome::granted);
         fixture.settle(fixture.term() + rounding);
         ASSERT_EQ(second.acquire(key, owner, long_term).outcome, Outcome::granted);
         EXPECT_EQ(first.renew(key, late, max_ttl).outcome, Outcome::lost);
         EXPECT_EQ(fixture.raw_holder(key), owner);
         EXPECT_LE(second.inspect(key).remaining, long_term);
     }},
    {"KeepHoldsAReleasedKeyForItsTime",
     [](BackendFixture& fixture) {
         Client first{fixture};
         Client second{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         const std::uint64_t fence = first.acquire(key, token).fencing_token;
         const auto begin = fixture.clock()->now();
         ASSERT_EQ(first.release(key, token, fixture.term()).outcome, Outcome::released);
         const Reply inspected = second.inspect(key);
         EXPECT_EQ(inspected.outcome, Outcome::held);
         EXPECT_TRUE(inspected.kept);
         EXPECT_EQ(inspected.holder, token);
         EXPECT_GE(inspected.fencing_token, fence);
         EXPECT_LE(inspected.remaining, fixture.term());
         const Reply other = second.acquire(key, new_token());
         EXPECT_EQ(other.outcome, Outcome::held);
         EXPECT_TRUE(other.kept);
         const auto took = time_until_free(fixture, second, key, begin, 10 * fixture.term());
         EXPECT_GE(took, fixture.term() - rounding);
         EXPECT_LT(took, 10 * fixture.term());
     },
     keeping},
    {"KeepByAnotherIsLostAndKeepsNothing",
     [](BackendFixture& fixture) {
         Client first{fixture};
         Client second{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         const std::string late = new_token();
         ASSERT_EQ(first.acquire(key, token).outcome, Outcome::granted);
         EXPECT_EQ(second.release(key, new_token(), long_term).outcome, Outcome::lost);
         EXPECT_FALSE(first.inspect(key).kept);
         ASSERT_EQ(first.release(key, token).outcome, Outcome::released);
         EXPECT_EQ(first.release(key, token, long_term).outcome, Outcome::lost);
         EXPECT_EQ(fixture.raw_holder(key), std::nullopt);
         ASSERT_EQ(first.acquire(key, late, fixture.term()).outcome, Outcome::granted);
         fixture.settle(fixture.term() + rounding);
         ASSERT_EQ(second.acquire(key, token).outcome, Outcome::granted);
         EXPECT_EQ(first.release(key, late, long_term).outcome, Outcome::lost);
         EXPECT_EQ(fixture.raw_holder(key), token);
     },
     keeping},
    {"KeepMayOutlastTheLease",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         ASSERT_EQ(client.acquire(key, token, fixture.term()).outcome, Outcome::granted);
         ASSERT_EQ(client.release(key, token, long_term).outcome, Outcome::released);
         fixture.settle(fixture.term() + rounding);
         EXPECT_TRUE(client.inspect(key).kept);
         EXPECT_GT(client.inspect(key).remaining, long_term / 2);
     },
     keeping},
    {"KeptKeyMatchesNoCommandOfItsToken",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         ASSERT_EQ(client.acquire(key, token).outcome, Outcome::granted);
         ASSERT_EQ(client.release(key, token, long_term).outcome, Outcome::released);
         EXPECT_EQ(client.acquire(key, token, max_ttl).outcome, Outcome::held);
         EXPECT_EQ(client.renew(key, token, max_ttl).outcome, Outcome::lost);
         EXPECT_EQ(client.release(key, token).outcome, Outcome::lost);
         EXPECT_EQ(client.release(key, token, max_ttl).outcome, Outcome::lost);
         const Reply inspected = client.inspect(key);
         EXPECT_EQ(inspected.outcome, Outcome::held);
         EXPECT_TRUE(inspected.kept);
         EXPECT_GT(inspected.remaining, long_term / 2);
         EXPECT_LE(inspected.remaining, long_term);
     },
     keeping},
};

}  // namespace leaselock::testing::detail

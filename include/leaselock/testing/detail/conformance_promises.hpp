// What a store promises decides which cases are for it; and the cases that hold it to promises
// which are in no other.
#pragma once

#include <gtest/gtest.h>
#include <string>
#include <system_error>

#include <leaselock/error.hpp>
#include <leaselock/guarantees.hpp>
#include <leaselock/testing/detail/conformance_case.hpp>
#include <leaselock/testing/detail/conformance_waiter.hpp>

namespace leaselock::testing::detail {

// Whether an acquire is served where nothing is in its way.
inline bool serves(BackendFixture& fixture, Request request) {
    Client client{fixture};
    const std::string token = new_token();
    const std::string key = key_of(fixture, token);  // its own, since a latch stays for a while
    request.verb = Verb::acquire;
    request.key = key;
    request.token = token;
    request.ttl = fixture.term();
    const Reply reply = client.ask(request);
    (void)client.release(key, token, 0ms, request.claim);
    return reply.outcome != Outcome::failed || reply.error != Errc::not_supported;
}

inline bool lists(BackendFixture& fixture) {
    try {
        (void)fixture.make()->list(fixture.prefix(), "*");
    } catch (const LockError& error) {
        return error.code() != Errc::not_supported;
    }
    return true;
}

// Whether it queues who waits, and notifies it.
inline bool queues(BackendFixture& fixture, bool notifies) {
    Client client{fixture};
    const std::string holder = new_token();
    const std::string key = key_of(fixture, holder);
    (void)client.acquire(key, holder, fixture.term());
    QueueWaiter waiter{fixture, client, key, fixture.term()};
    const Reply reply = waiter.ask();
    (void)waiter.release();
    (void)client.release(key, holder);
    return reply.queued && (!notifies || reply.told);
}

// Whether a case that needs that is for this store: it promises it, or does it all the same.
inline bool does(BackendFixture& fixture, const Guarantees& needs) {
    const Guarantees promised = fixture.make()->guarantees();
    const auto lacks = [&](bool Guarantees::*what) { return needs.*what && !(promised.*what); };
    if (needs.fences > promised.fences || lacks(&Guarantees::process_end)) return false;
    if (lacks(&Guarantees::shares) && !serves(fixture, {.claim = Claim::permits(1, 2)}))
        return false;
    if (lacks(&Guarantees::latches) && !serves(fixture, {.claim = Claim::await(1)})) {
        return false;
    }
    if (lacks(&Guarantees::min_hold) && !serves(fixture, {.min_hold = 1ms})) return false;
    if (lacks(&Guarantees::list) && !lists(fixture)) return false;
    const bool notifies = lacks(&Guarantees::notified);
    return !(notifies || lacks(&Guarantees::fair)) || queues(fixture, notifies);
}

inline constexpr Case<BackendFixture> promise_cases[] = {
    {"PromisesAreTheSameForEachBackendOfAStore",
     [](BackendFixture& fixture) {
         const Guarantees promised = fixture.make()->guarantees();
         EXPECT_EQ(fixture.make()->guarantees(), promised);
         EXPECT_TRUE(covers(promised, Guarantees{})) << to_string(promised);
         EXPECT_GE(promised.least_ttl, min_ttl);
     }},
    {"GrantSaysForHowLongItIs",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         for (const milliseconds ttl : {fixture.term(), long_term}) {
             const Reply grant = client.acquire(key, token, ttl);
             ASSERT_EQ(grant.outcome, Outcome::granted);
             const milliseconds granted = grant.ttl == 0ms ? ttl : grant.ttl;
             EXPECT_GT(granted, 0ms);
             EXPECT_LE(client.inspect(key).remaining, granted);
         }
         const Reply renewal = client.renew(key, token, long_term);
         ASSERT_EQ(renewal.outcome, Outcome::renewed);
         const milliseconds renewed = renewal.ttl == 0ms ? long_term : renewal.ttl;
         EXPECT_GT(client.inspect(key).remaining, renewed / 2);
     }},
    {"LeaseOfTheLeastTtlEnds",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const milliseconds ttl = fixture.make()->guarantees().least_ttl;
         if (ttl > fixture.term()) return;  // too long to be waited out
         const std::string key = key_of(fixture);
         const Clock::time_point begin = fixture.clock()->now();
         const Reply grant = client.acquire(key, new_token(), ttl);
         ASSERT_EQ(grant.outcome, Outcome::granted);
         EXPECT_TRUE(grant.ttl == 0ms || grant.ttl <= ttl);
         EXPECT_LE(client.inspect(key).remaining, ttl);
         EXPECT_LT(time_until_free(fixture, client, key, begin, 10 * fixture.term()),
                   10 * fixture.term());
     }},
    {"FencesRiseOverALossOfAllData",
     [](BackendFixture& fixture) {
         const std::string key = key_of(fixture);
         const std::uint64_t before = Client{fixture}.acquire(key, new_token()).fencing_token;
         fixture.lose_data();
         const Reply after = Client{fixture}.acquire(key, new_token());
         EXPECT_EQ(after.outcome, Outcome::granted);
         EXPECT_GT(after.fencing_token, before);
     },
     {.fences = Fences::clock}},
    {"LockOfAProcessThatEndedIsFreeBeforeItsLeaseEnds",
     [](BackendFixture& fixture) {
         Client other{fixture};
         const std::string key = key_of(fixture);
         const Clock::time_point begin = fixture.clock()->now();
         ASSERT_EQ(Client{fixture}.acquire(key, new_token(), long_term).outcome, Outcome::granted);
         EXPECT_LT(time_until_free(fixture, other, key, begin, 10s), 10s);
     },
     {.process_end = true}},
};

}  // namespace leaselock::testing::detail

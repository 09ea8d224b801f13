// Cases of the conformance suite: the link to the store breaks, and heals.
#pragma once

#include <gtest/gtest.h>
#include <optional>
#include <string>

#include <leaselock/error.hpp>
#include <leaselock/testing/detail/conformance_case.hpp>
#include <leaselock/testing/detail/conformance_manager.hpp>
#include <leaselock/testing/detail/granted.hpp>

namespace leaselock::testing::detail {

// Neither an answer of the store, nor one that anybody could take for it.
inline void expect_no_answer(const Reply& reply) {
    EXPECT_EQ(reply.outcome, Outcome::failed);
    EXPECT_TRUE(family(reply.error) == Family::unavailable ||
                family(reply.error) == Family::unknown)
        << make_error_code(reply.error).message();
}

// Until the store answers this client. A first connection may take longer than an answer.
[[nodiscard]] inline bool connected(LinkFixture& fixture, Client& client, const std::string& key) {
    return settle_until(fixture, 100 * fixture.patience(),
                        [&] { return client.inspect(key).outcome != Outcome::failed; });
}
// Until it does so again.
[[nodiscard]] inline bool healed(LinkFixture& fixture, Client& client, const std::string& key) {
    fixture.heal_link();
    return connected(fixture, client, key);
}

inline constexpr Case<LinkFixture> link_cases[] = {
    {"BrokenLinkIsNeverTakenForAnAnswer",
     [](LinkFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         ASSERT_TRUE(connected(fixture, client, key));
         ASSERT_EQ(client.acquire(key, token).outcome, Outcome::granted);
         fixture.break_link();
         const auto begin = fixture.clock()->now();
         expect_no_answer(client.renew(key, token));
         expect_no_answer(client.acquire(key, new_token()));
         expect_no_answer(client.inspect(key));
         expect_no_answer(client.release(key, token));
         EXPECT_LT(fixture.clock()->now() - begin, 4 * 10 * fixture.patience());
     }},
    {"BrokenLinkHealsWithoutANewObject",
     [](LinkFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture, "before");
         const std::string later = key_of(fixture, "later");
         const std::string token = new_token();
         ASSERT_TRUE(connected(fixture, client, key));
         ASSERT_EQ(client.acquire(key, new_token()).outcome, Outcome::granted);
         for (int i = 0; i < 2; ++i) {
             fixture.break_link();
             expect_no_answer(client.inspect(key));
             ASSERT_TRUE(healed(fixture, client, key));
         }
         EXPECT_EQ(client.acquire(later, token).outcome, Outcome::granted);
         EXPECT_EQ(fixture.raw_holder(later), token);
         EXPECT_EQ(client.renew(later, token).outcome, Outcome::renewed);
         EXPECT_EQ(client.release(later, token).outcome, Outcome::released);
     }},
    {"AcquireThatGotNoAnswerLeavesNothingBehind",
     [](LinkFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         ASSERT_TRUE(connected(fixture, client, key));
         ASSERT_TRUE(warm_up(fixture, client));
         fixture.break_link();
         expect_no_answer(client.acquire(key, new_token(), long_term));
         ASSERT_TRUE(healed(fixture, client, key));
         EXPECT_EQ(client.inspect(key).outcome, Outcome::free);
         EXPECT_EQ(fixture.raw_holder(key), std::nullopt);
     }},
};

// The same for a manager.
template <class Calls>
[[nodiscard]] bool serves(LinkFixture& fixture, LockManager& manager, std::error_code& ec) {
    return settle_until(fixture, 100 * fixture.patience(),
                        [&] { return granted(Calls::acquire(manager, "key", {}, ec)); });
}

// Those that ask a manager.
template <class Calls>
inline constexpr Case<LinkFixture> manager_link_cases[] = {
    {"WaitOnABrokenLinkEndsAtItsDeadline",
     [](LinkFixture& fixture) {
         LockManager manager = manager_of(fixture, "first:1");
         std::error_code ec;
         ASSERT_TRUE(serves<Calls>(fixture, manager, ec)) << ec;
         fixture.break_link();
         const auto begin = fixture.clock()->now();
         auto call = std::async(std::launch::async, [&] {
             (void)Calls::acquire(manager, "key", {.wait_timeout = fixture.patience()}, ec);
             return fixture.clock()->now();
         });
         settle_while_running(fixture, call);
         EXPECT_TRUE(ec == Family::unavailable || ec == Family::unknown) << ec;
         EXPECT_LT(call.get() - begin, 10 * (fixture.patience() + 500ms));
         fixture.heal_link();
         EXPECT_TRUE(serves<Calls>(fixture, manager, ec)) << ec;
     }},
    {"DestructorEndsWithinBoundsOnABrokenLink",
     [](LinkFixture& fixture) {
         LockManager manager = manager_of(fixture, "first:1");
         std::error_code ec;
         ASSERT_TRUE(serves<Calls>(fixture, manager, ec)) << ec;
         auto lock = Calls::acquire(manager, "key", {.ttl = long_term});
         ASSERT_TRUE(lock.has_value());
         fixture.break_link();
         const auto begin = fixture.clock()->now();
         lock.reset();
         EXPECT_LT(fixture.clock()->now() - begin, 2 * 10 * fixture.patience());
     }},
};

}  // namespace leaselock::testing::detail

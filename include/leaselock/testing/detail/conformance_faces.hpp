// Cases of the conformance suite: the further ways in keep their promises on top of the backend.
#pragma once

#include <future>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <system_error>

#include <leaselock/acquire_all.hpp>
#include <leaselock/leader_election.hpp>
#include <leaselock/lock_owner.hpp>
#include <leaselock/run_once.hpp>
#include <leaselock/testing/detail/conformance_case.hpp>
#include <leaselock/testing/detail/conformance_manager.hpp>
#include <leaselock/testing/detail/granted.hpp>

namespace leaselock::testing::detail {

inline constexpr Case<BackendFixture> face_cases[] = {
    {"OwnerEntersAgainWithTheSameFence",
     [](BackendFixture& fixture) {
         LockManager manager = manager_of(fixture, "first:1");
         LockManager other = manager_of(fixture, "second:2");
         LockOwner owner{manager};
         auto outer = owner.acquire("key", {.ttl = long_term});
         auto inner = owner.acquire("key");
         ASSERT_TRUE(outer && inner);
         EXPECT_EQ(inner->fencing_token(), outer->fencing_token());
         const std::uint64_t fence = outer->fencing_token();
         EXPECT_EQ(outer->release(), ReleaseResult::released);
         EXPECT_FALSE(granted(other.acquire("key"))) << "one level is left";
         EXPECT_EQ(inner->release(), ReleaseResult::released);
         const auto next = other.acquire("key");
         ASSERT_TRUE(next.has_value());
         EXPECT_GT(next->fencing_token(), fence);
     }},
    {"SeveralKeysAreAllOrNone",
     [](BackendFixture& fixture) {
         LockManager manager = manager_of(fixture, "first:1");
         LockManager other = manager_of(fixture, "second:2");
         const LockOptions options{.ttl = long_term};
         auto all = acquire_all(manager, {"b", "a", "{tag}:c", "b"}, options);
         ASSERT_TRUE(all.has_value());
         EXPECT_GE(other.inspect("{tag}:c").fencing_token, all->fencing_token("{tag}:c"));
         EXPECT_FALSE(granted(acquire_all(other, {"0", "a"}, options)));
         EXPECT_TRUE(settle_until(fixture, 10s, [&] { return !manager.inspect("0").held; }));
         EXPECT_EQ(all->release(), ReleaseResult::released);
         EXPECT_TRUE(acquire_all(other, {"a", "b", "{tag}:c", "0"}, options));
     }},
    {"LeadersFollowEachOtherWithRisingTerms",
     [](BackendFixture& fixture) {
         LockManager manager = manager_of(fixture, "first:1");
         LockManager other = manager_of(fixture, "second:2");
         const LockOptions options{
             .ttl = long_term, .wait_timeout = patience_of(fixture), .retry_delay = 10ms};
         LeaderElection here{manager, "scheduler", options};
         LeaderElection there{other, "scheduler", options};
         auto first = here.campaign();
         ASSERT_TRUE(first.has_value());
         const auto leader = there.leader();
         ASSERT_TRUE(leader.has_value());
         EXPECT_EQ(leader->owner, "first:1");
         EXPECT_EQ(leader->term, first->term());
         // One waits by a thread, one without.
         auto blocking = std::async(std::launch::async, [&] { return there.campaign(); });
         std::promise<std::optional<Leadership>> asynchronous;
         there.async_campaign({}, [&](std::optional<Leadership> lead, std::error_code) {
             asynchronous.set_value(std::move(lead));
         });
         auto callback = asynchronous.get_future();
         const std::uint64_t term = first->term();
         EXPECT_EQ(first->resign(), ReleaseResult::released);
         std::uint64_t last = term;
         for (int i = 0; i < 2; ++i) {
             ASSERT_TRUE(settle_until(fixture, 10min, [&] {
                 return (blocking.valid() && blocking.wait_for(1ms) == std::future_status::ready) ||
                        (callback.valid() && callback.wait_for(1ms) == std::future_status::ready);
             }));
             const bool by_thread =
                 blocking.valid() && blocking.wait_for(0ms) == std::future_status::ready;
             const auto next = by_thread ? blocking.get() : callback.get();
             ASSERT_TRUE(next.has_value());
             EXPECT_GT(next->term(), last);
             last = next->term();
         }
     },
     {},
     of_tokens},
    {"JobRunsOnceUntilItsMinHoldIsOver",
     [](BackendFixture& fixture) {
         LockManager manager = manager_of(fixture, "first:1");
         LockManager other = manager_of(fixture, "second:2");
         const LockOptions options{.min_hold = fixture.term()};
         const auto begin = fixture.clock()->now();
         EXPECT_EQ(run_once(manager, "nightly", options, [] { return 42; }), 42);
         EXPECT_EQ(run_once(other, "nightly", options, [] { return 42; }), std::nullopt);
         EXPECT_TRUE(settle_until(fixture, 10 * fixture.term() + 10s,
                                  [&] { return run_once(other, "nightly", options, [] {}); }));
         EXPECT_GE(fixture.clock()->now() - begin, fixture.term() - fixture.term() / 50);
     },
     keeping},
};

}  // namespace leaselock::testing::detail

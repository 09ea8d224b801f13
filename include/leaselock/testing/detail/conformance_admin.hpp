// Cases of the conformance suite: what an operator sees of locks that others hold, and does to
// them.
#pragma once

#include <gtest/gtest.h>
#include <string>
#include <system_error>

#include <leaselock/lock_manager.hpp>
#include <leaselock/testing/detail/conformance_case.hpp>
#include <leaselock/testing/detail/conformance_manager.hpp>
#include <leaselock/testing/detail/granted.hpp>

namespace leaselock::testing::detail {

// The keys that list() tells of, in one text; "not supported" if the backend does not do it.
inline std::string listed(LockManager& manager, std::string_view pattern) {
    std::error_code ec;
    std::string text;
    for (const ListedLock& lock : manager.list(pattern, {}, ec)) text += lock.key + ' ';
    if (ec == Errc::not_supported) return "not supported";
    return ec ? ec.message() : text;
}

inline constexpr Case<BackendFixture> admin_cases[] = {
    {"ListTellsTheLocksThatMatch",
     [](BackendFixture& fixture) {
         LockManager manager = manager_of(fixture, "first:1");
         EXPECT_EQ(listed(manager, "*"), "");
         const auto a = manager.acquire("job:a", {.ttl = long_term});
         const auto b = manager.acquire("job:b", {.ttl = long_term});
         const auto tagged = manager.acquire("{job}:c", {.ttl = long_term});
         auto gone = manager.acquire("job:gone", {.ttl = long_term});
         ASSERT_TRUE(a && b && tagged && gone);
         ASSERT_EQ(gone->release(), ReleaseResult::released);
         LockManager operating = manager_of(fixture, "operator:2");
         EXPECT_EQ(listed(operating, "*"), "job:a job:b {job}:c ");
         EXPECT_EQ(listed(operating, "job:*"), "job:a job:b ");
         EXPECT_EQ(listed(operating, "job:[^a]"), "job:b ");
         EXPECT_EQ(listed(operating, "jo"), "");
         const auto locks = operating.list("job:?");
         ASSERT_EQ(locks.size(), 2U);
         EXPECT_TRUE(locks[0].info.held);
         EXPECT_EQ(locks[0].info.owner, "first:1");
         EXPECT_GE(locks[0].info.fencing_token, a->fencing_token());
         EXPECT_GT(locks[0].info.remaining, 0ms);
         EXPECT_FALSE(locks[0].info.kept);
     },
     {.list = true}},
    {"ListTellsTheLocksThatAreKept",
     [](BackendFixture& fixture) {
         LockManager manager = manager_of(fixture, "first:1");
         auto job = manager.acquire("job:a", {.ttl = long_term, .min_hold = long_term});
         ASSERT_TRUE(job.has_value());
         ASSERT_EQ(job->release(), ReleaseResult::released);
         const auto locks = manager.list("job:*");
         ASSERT_EQ(locks.size(), 1U);
         EXPECT_EQ(locks[0].key, "job:a");
         EXPECT_TRUE(locks[0].info.kept);
     },
     {.min_hold = true, .list = true}},
    {"ListRefusesBadPatterns",
     [](BackendFixture& fixture) {
         LockManager manager = manager_of(fixture, "first:1");
         EXPECT_EQ(listed(manager, ""), std::error_code{Errc::invalid_option}.message());
         EXPECT_EQ(listed(manager, std::string(max_pattern_bytes + 1, 'x')),
                   std::error_code{Errc::invalid_option}.message());
         EXPECT_NE(listed(manager, std::string(max_pattern_bytes, 'x')),
                   std::error_code{Errc::invalid_option}.message());
     }},
    {"ForcedReleaseFreesWhoeverHolds",
     [](BackendFixture& fixture) {
         LockManager holder = manager_of(fixture, "holder:1");
         LockManager operating = manager_of(fixture, "operator:2");
         auto lock = holder.acquire("key", {.ttl = long_term});
         ASSERT_TRUE(lock.has_value());
         const LockInfo freed = operating.force_release("key");
         EXPECT_TRUE(freed.held);
         EXPECT_EQ(freed.owner, "holder:1");
         EXPECT_GE(freed.fencing_token, lock->fencing_token());
         EXPECT_FALSE(operating.inspect("key").held);
         const auto next = operating.acquire("key");
         ASSERT_TRUE(next.has_value());
         EXPECT_GT(next->fencing_token(), lock->fencing_token());
         EXPECT_EQ(lock->release(), ReleaseResult::lost);
         EXPECT_TRUE(operating.inspect("key").held) << "of the next holder, not of the first";
     },
     {},
     of_tokens},
    {"ForcedReleaseOfAFreeKeyDoesNothing",
     [](BackendFixture& fixture) {
         LockManager operating = manager_of(fixture, "operator:2");
         EXPECT_FALSE(operating.force_release("key").held);
         std::error_code ec = Errc::held;
         EXPECT_FALSE(operating.force_release("key", {}, ec).held);
         EXPECT_EQ(ec, std::error_code{});
     }},
    {"ForcedReleaseEndsAMinHold",
     [](BackendFixture& fixture) {
         LockManager holder = manager_of(fixture, "holder:1");
         LockManager operating = manager_of(fixture, "operator:2");
         auto lock = holder.acquire("key", {.ttl = long_term, .min_hold = long_term});
         ASSERT_TRUE(lock.has_value());
         ASSERT_EQ(lock->release(), ReleaseResult::released);
         ASSERT_FALSE(granted(operating.acquire("key"))) << "it is kept";
         const LockInfo freed = operating.force_release("key");
         EXPECT_TRUE(freed.held);
         EXPECT_TRUE(freed.kept);
         EXPECT_EQ(freed.owner, "holder:1");
         EXPECT_TRUE(operating.acquire("key"));
     },
     keeping},
};

}  // namespace leaselock::testing::detail

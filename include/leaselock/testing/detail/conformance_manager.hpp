// Cases of the conformance suite: a LockManager on top of the backend keeps its promises, however
// it is asked.
#pragma once

#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include <leaselock/lock_manager.hpp>
#include <leaselock/testing/detail/conformance_calls.hpp>
#include <leaselock/testing/detail/conformance_case.hpp>
#include <leaselock/testing/detail/granted.hpp>

namespace leaselock::testing::detail {

// On that backend, or one of its own.
inline LockManager manager_of(BackendFixture& fixture, std::string owner,
                              std::shared_ptr<Backend> backend = nullptr) {
    LockManager manager{
        {.prefix = fixture.prefix(), .owner = std::move(owner), .clock = fixture.clock()}};
    manager.register_backend("under test", backend ? std::move(backend) : fixture.make());
    manager.set_default_backend("under test");
    return manager;
}

// Lets time pass, no faster than other threads can follow, until the call of another thread is
// over.
template <class Result>
void settle_while_running(BackendFixture& fixture, const std::future<Result>& call) {
    while (call.wait_for(1ms) != std::future_status::ready) {
        fixture.settle(std::max(fixture.term() / 200, 1ms));
    }
}

template <class Calls>
inline constexpr Case<BackendFixture> manager_cases[] = {
    {"ManagersExcludeEachOther",
     [](BackendFixture& fixture) {
         LockManager first = manager_of(fixture, "first:1");
         LockManager second = manager_of(fixture, "second:2");
         auto lock = Calls::acquire(first, "key", {.ttl = long_term});
         ASSERT_TRUE(lock.has_value());
         EXPECT_TRUE(lock->owns_lock());
         EXPECT_FALSE(granted(Calls::acquire(second, "key")));
         const LockInfo info = second.inspect("key");
         EXPECT_TRUE(info.held);
         EXPECT_EQ(info.owner, "first:1");
         EXPECT_GE(info.fencing_token, lock->fencing_token());
         EXPECT_EQ(Calls::release(*lock), ReleaseResult::released);
         auto next = Calls::acquire(second, "key");
         ASSERT_TRUE(next.has_value());
         EXPECT_GT(next->fencing_token(), lock->fencing_token());
     },
     {},
     of_tokens},
    {"InvalidKeysAreRefused",
     [](BackendFixture& fixture) {
         LockManager manager = manager_of(fixture, "first:1");
         const std::string too_long(max_key_bytes, 'x');
         for (const std::string& key : {std::string{}, too_long, std::string("a\0b", 3),
                                        std::string{"a\rb"}, std::string{"a\nb"}}) {
             std::error_code ec;
             EXPECT_FALSE(granted(Calls::acquire(manager, key, {}, ec)));
             EXPECT_EQ(ec, Errc::invalid_key);
         }
     }},
    {"PartsOfAMillisecondRoundUp",
     [](BackendFixture& fixture) {
         LockManager manager = manager_of(fixture, "first:1");
         std::error_code ec;
         EXPECT_FALSE(granted(Calls::acquire(manager, "key", {.ttl = 9'000us}, ec)));
         EXPECT_EQ(ec, Errc::invalid_option);
         auto lock = Calls::acquire(manager, "key", {.ttl = max_ttl - 1h - 500us}, ec);
         ASSERT_TRUE(lock.has_value()) << ec;
         EXPECT_EQ(Calls::release(*lock), ReleaseResult::released);
         // On a slow machine so short a lease may be over when its grant arrives.
         (void)Calls::acquire(manager, "key", {.ttl = 9'001us}, ec);
         EXPECT_NE(ec, Errc::invalid_option);
     }},
    {"WaitEndsAtItsDeadline",
     [](BackendFixture& fixture) {
         LockManager manager = manager_of(fixture, "first:1");
         const auto holder = Calls::acquire(manager, "key", {.ttl = long_term});
         ASSERT_TRUE(holder.has_value());
         const auto begin = fixture.clock()->now();
         std::error_code ec;
         auto call = std::async(std::launch::async, [&] {
             (void)Calls::acquire(
                 manager, "key",
                 {.wait_timeout = fixture.term(), .retry_delay = fixture.term() / 10}, ec);
             return fixture.clock()->now();
         });
         settle_while_running(fixture, call);
         const auto took = call.get() - begin;
         EXPECT_EQ(ec, Errc::wait_timed_out);
         EXPECT_GE(took, fixture.term());
         EXPECT_LT(took, 10 * fixture.term());
     }},
    {"WaitGetsALockWhoseHolderIsSilent",
     [](BackendFixture& fixture) {
         LockManager manager = manager_of(fixture, "first:1");
         Client dead{fixture};
         const Reply silent = dead.acquire(key_of(fixture, "key"), new_token(), fixture.term());
         ASSERT_EQ(silent.outcome, Outcome::granted);
         auto call = std::async(std::launch::async, [&] {
             return Calls::acquire(manager, "key",
                                   {.ttl = long_term, .wait_timeout = patience_of(fixture)});
         });
         settle_while_running(fixture, call);
         const auto lock = call.get();
         ASSERT_TRUE(lock.has_value()) << "the lease of the silent holder does not end";
         EXPECT_GT(lock->fencing_token(), silent.fencing_token);
     }},
    {"WaitGetsALockThatIsReleased",
     [](BackendFixture& fixture) {
         LockManager first = manager_of(fixture, "first:1");
         LockManager second = manager_of(fixture, "second:2");
         auto holder = Calls::acquire(first, "key", {.ttl = long_term});
         ASSERT_TRUE(holder.has_value());
         auto call = std::async(std::launch::async, [&] {
             return Calls::acquire(second, "key",
                                   {.ttl = long_term, .wait_timeout = patience_of(fixture)});
         });
         fixture.settle(fixture.term() / 2);
         EXPECT_EQ(call.wait_for(0ms), std::future_status::timeout);
         EXPECT_EQ(Calls::release(*holder), ReleaseResult::released);
         settle_while_running(fixture, call);
         EXPECT_TRUE(granted(call.get()));
     }},
    {"StopTokenEndsAWait",
     [](BackendFixture& fixture) {
         LockManager manager = manager_of(fixture, "first:1");
         const auto holder = Calls::acquire(manager, "key", {.ttl = long_term});
         ASSERT_TRUE(holder.has_value());
         std::stop_source source;
         std::error_code ec;
         auto call = std::async(std::launch::async, [&] {
             (void)Calls::acquire(manager, "key",
                                  {.wait_timeout = patience_of(fixture), .retry_delay = 1h}, ec,
                                  source.get_token());
         });
         fixture.settle(fixture.term() / 2);
         source.request_stop();
         // The next poll would be after most of an hour.
         ASSERT_EQ(call.wait_for(10s), std::future_status::ready);
         EXPECT_EQ(ec, Errc::cancelled);
     }},
    {"MinHoldKeepsAReleasedLock",
     [](BackendFixture& fixture) {
         LockManager first = manager_of(fixture, "first:1");
         LockManager second = manager_of(fixture, "second:2");
         auto job = Calls::acquire(first, "key", {.min_hold = long_term});
         ASSERT_TRUE(job.has_value());
         EXPECT_EQ(Calls::release(*job), ReleaseResult::released);
         EXPECT_FALSE(granted(Calls::acquire(second, "key")));
         const LockInfo info = second.inspect("key");
         EXPECT_TRUE(info.held);
         EXPECT_TRUE(info.kept);
         EXPECT_EQ(info.owner, "first:1");
     },
     keeping},
    {"DestructorReleasesWithinBounds",
     [](BackendFixture& fixture) {
         LockManager manager = manager_of(fixture, "first:1");
         auto lock = Calls::acquire(manager, "key", {.ttl = long_term});
         ASSERT_TRUE(lock.has_value());
         auto end = std::async(std::launch::async, [&] { lock.reset(); });
         ASSERT_EQ(end.wait_for(10s), std::future_status::ready);
         EXPECT_TRUE(settle_until(fixture, 10s, [&] {
             return fixture.raw_holder(key_of(fixture, "key")) == std::nullopt;
         }));
     }},
};

}  // namespace leaselock::testing::detail

// Cases of the conformance suite for backends with a queue: a call of a manager gets the lock in
// its turn, however it waits, and leaves nothing behind when it ends without it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <future>
#include <gtest/gtest.h>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <leaselock/testing/detail/conformance_calls.hpp>
#include <leaselock/testing/detail/conformance_case.hpp>
#include <leaselock/testing/detail/conformance_manager.hpp>
#include <leaselock/testing/detail/conformance_waiter.hpp>

namespace leaselock::testing::detail {

// The key that a HeldKey holds, as a manager calls it.
inline constexpr const char* held_name = "conformance";

// Sooner than an entry ends that somebody leaves behind: a manager's lives for 3 s.
inline constexpr milliseconds entry_is_left = 2s;

// Until the waiter for the key has its queue entry: one that comes now is not the first.
[[nodiscard]] inline bool somebody_waits(BackendFixture& fixture, const HeldKey& held) {
    return settle_until(fixture, 10s, [&] {
        QueueWaiter probe{fixture, held.client, held.key};
        const bool first = probe.ask().first;
        (void)probe.release();
        return !first;
    });
}

// One whose backend listens already, so that it is notified of hand-offs from its first wait on.
[[nodiscard]] inline LockManager listening_manager(BackendFixture& fixture, const HeldKey& held) {
    const Client client{fixture};
    QueueWaiter first{fixture, client, held.key};
    EXPECT_TRUE(first.queue_up().told);
    (void)first.release();
    return manager_of(fixture, "first:1", client.backend());
}

template <class Calls>
[[nodiscard]] auto wait_elsewhere(BackendFixture& fixture, LockManager& manager) {
    return std::async(std::launch::async, [&] {
        return Calls::acquire(manager, held_name,
                              {.ttl = long_term, .wait_timeout = patience_of(fixture)});
    });
}

template <class Calls>
inline constexpr Case<BackendFixture> turn_cases[] = {
    {"CallIsServedBeforeThoseWhoCameLater",
     [](BackendFixture& fixture) {
         HeldKey held{fixture};
         LockManager manager = listening_manager(fixture, held);
         auto call = wait_elsewhere<Calls>(fixture, manager);
         ASSERT_TRUE(somebody_waits(fixture, held));
         QueueWaiter later{fixture, held.client, held.key};
         EXPECT_FALSE(later.queue_up().first);
         held.release();
         settle_while_running(fixture, call);
         auto lock = call.get();
         ASSERT_TRUE(lock.has_value());
         EXPECT_GT(lock->fencing_token(), held.fence);
         EXPECT_TRUE(later.messages().empty());
         EXPECT_EQ(Calls::release(*lock), ReleaseResult::released);
         EXPECT_GT(later.message().fencing_token, lock->fencing_token());
         EXPECT_EQ(fixture.raw_holder(held.key), later.token());
     },
     {},
     of_tokens},
    {"CallIsServedBehindThoseWhoCameBefore",
     [](BackendFixture& fixture) {
         HeldKey held{fixture};
         LockManager manager = manager_of(fixture, "first:1");
         QueueWaiter earlier{fixture, held.client, held.key};
         EXPECT_TRUE(earlier.queue_up().first);
         auto call = wait_elsewhere<Calls>(fixture, manager);
         held.release();
         const std::uint64_t fence = earlier.message().fencing_token;
         EXPECT_EQ(fixture.raw_holder(held.key), earlier.token());
         EXPECT_EQ(call.wait_for(0ms), std::future_status::timeout);
         EXPECT_EQ(earlier.release().outcome, Outcome::released);
         settle_while_running(fixture, call);
         const auto lock = call.get();
         ASSERT_TRUE(lock.has_value());
         EXPECT_GT(lock->fencing_token(), fence);
     },
     {},
     of_tokens},
    {"CallThatIsStoppedLeavesNoEntry",
     [](BackendFixture& fixture) {
         HeldKey held{fixture};
         LockManager manager = manager_of(fixture, "first:1");
         std::stop_source source;
         std::error_code ec;
         auto call = std::async(std::launch::async, [&] {
             (void)Calls::acquire(manager, held_name, {.wait_timeout = patience_of(fixture)}, ec,
                                  source.get_token());
         });
         ASSERT_TRUE(somebody_waits(fixture, held));
         QueueWaiter next{fixture, held.client, held.key};
         EXPECT_FALSE(next.queue_up().first);
         source.request_stop();
         settle_while_running(fixture, call);
         EXPECT_EQ(ec, Errc::cancelled);
         EXPECT_TRUE(settle_until(fixture, entry_is_left, [&] { return next.ask().first; }));
         held.release();
         EXPECT_GT(next.message().fencing_token, held.fence);
     },
     {},
     of_tokens},
    {"CallWhoseTimeIsOverLeavesNoEntry",
     [](BackendFixture& fixture) {
         HeldKey held{fixture};
         LockManager manager = manager_of(fixture, "first:1");
         std::error_code ec;
         auto call = std::async(std::launch::async, [&] {
             (void)Calls::acquire(manager, held_name, {.wait_timeout = fixture.term()}, ec);
         });
         settle_while_running(fixture, call);
         EXPECT_EQ(ec, Errc::wait_timed_out);
         QueueWaiter next{fixture, held.client, held.key};
         EXPECT_TRUE(next.queue_up().queued);
         EXPECT_TRUE(settle_until(fixture, entry_is_left, [&] { return next.ask().first; }));
     },
     {},
     of_tokens},
};

// What only coroutines can be: many at once without a thread each.
inline constexpr Case<BackendFixture> crowd_cases[] = {
    {"CoroutinesOfTwoManagersAreServedOnceEachAndAloneInside",
     [](BackendFixture& fixture) {
         constexpr int count = 100;
         LockManager first = manager_of(fixture, "first:1");
         LockManager second = manager_of(fixture, "second:2");
         std::atomic<int> inside{0};
         std::atomic<int> alone{0};
         std::vector<std::uint64_t> fences;  // the lock guards it
         const auto run = [&](LockManager& manager) -> Promised<ReleaseResult> {
             auto lock =
                 co_await manager.async_acquire("key", {.wait_timeout = patience_of(fixture)});
             if (!lock) co_return ReleaseResult::not_held;
             if (++inside == 1) ++alone;
             fences.push_back(lock->fencing_token());
             --inside;
             const ReleaseResult result = co_await lock->async_release();
             co_return result;
         };
         std::vector<std::future<ReleaseResult>> calls;
         for (int i = 0; i < count; ++i) {
             calls.push_back(run(i % 2 == 0 ? first : second).result);
         }
         for (auto& call : calls) {
             settle_while_running(fixture, call);
             EXPECT_EQ(call.get(), ReleaseResult::released);
         }
         EXPECT_EQ(alone, count);
         EXPECT_EQ(fences.size(), std::size_t{count});
         EXPECT_TRUE(std::is_sorted(fences.begin(), fences.end()));
         EXPECT_TRUE(settle_until(fixture, 10s, [&] {
             return fixture.raw_holder(key_of(fixture, "key")) == std::nullopt;
         }));
     }},
};

}  // namespace leaselock::testing::detail

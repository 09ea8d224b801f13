// Cases of the conformance suite for backends with shares: a LockManager on top keeps its promises
// to readers, writers and holders of permits, however it is asked.
#pragma once

#include <atomic>
#include <future>
#include <gtest/gtest.h>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <system_error>
#include <vector>

#include <leaselock/distributed_semaphore.hpp>
#include <leaselock/shared_distributed_mutex.hpp>
#include <leaselock/testing/detail/conformance_calls.hpp>
#include <leaselock/testing/detail/conformance_case.hpp>
#include <leaselock/testing/detail/conformance_manager.hpp>
#include <leaselock/testing/detail/granted.hpp>

namespace leaselock::testing::detail {

inline bool is_read_by(int readers, const LockInfo& info) {
    return info.held && info.use == KeyUse::readers && info.taken == readers;
}

inline constexpr LockOptions reading{.ttl = long_term, .share = shared};

template <class Calls>
inline constexpr Case<BackendFixture> share_manager_cases[] = {
    {"ReadersOfTwoManagersHoldAtOnceAndWritersAlone",
     [](BackendFixture& fixture) {
         LockManager first = manager_of(fixture, "first:1");
         LockManager second = manager_of(fixture, "second:2");
         auto here = Calls::acquire(first, "key", reading);
         auto there = Calls::acquire(second, "key", reading);
         ASSERT_TRUE(here && there);
         EXPECT_TRUE(here->owns_lock() && there->owns_lock());
         EXPECT_GT(there->fencing_token(), here->fencing_token());
         std::error_code ec;
         EXPECT_FALSE(granted(Calls::acquire(first, "key", {}, ec)));
         EXPECT_EQ(ec, Errc::held);
         const LockInfo info = first.inspect("key");
         EXPECT_TRUE(info.held);
         EXPECT_EQ(info.owner, "");
         EXPECT_TRUE(is_read_by(2, info));
         EXPECT_GE(info.fencing_token, there->fencing_token());
         EXPECT_EQ(Calls::release(*here), ReleaseResult::released);
         EXPECT_EQ(Calls::release(*there), ReleaseResult::released);
         auto writer = Calls::acquire(first, "key", {.ttl = long_term});
         ASSERT_TRUE(writer.has_value());
         EXPECT_FALSE(granted(Calls::acquire(second, "key", reading, ec)));
         EXPECT_EQ(second.inspect("key").owner, "first:1");
     }},
    {"WriterWhoBecomesAReaderLetsOthersInAndStaysOne",
     [](BackendFixture& fixture) {
         LockManager first = manager_of(fixture, "first:1");
         LockManager second = manager_of(fixture, "second:2");
         auto lock = Calls::acquire(first, "key", {.ttl = long_term});
         ASSERT_TRUE(lock.has_value());
         EXPECT_FALSE(granted(Calls::acquire(second, "key", reading)));
         lock->downgrade();
         EXPECT_TRUE(lock->owns_lock());
         auto reader = Calls::acquire(second, "key", reading);
         ASSERT_TRUE(reader.has_value());
         EXPECT_FALSE(granted(Calls::acquire(second, "key")));
         lock->extend(2 * long_term);
         std::error_code ec;
         lock->downgrade(ec);
         EXPECT_EQ(ec, Errc::invalid_option) << "it is a share already";
         EXPECT_EQ(Calls::release(*lock), ReleaseResult::released);
         EXPECT_TRUE(is_read_by(1, first.inspect("key")));
         lock->downgrade(ec);
         EXPECT_EQ(ec, Errc::lost);
         EXPECT_EQ(Calls::release(*reader), ReleaseResult::released);
         EXPECT_FALSE(first.inspect("key").held);
     }},
    {"WhoLostTheKeyCannotBecomeAReader",
     [](BackendFixture& fixture) {
         LockManager first = manager_of(fixture, "first:1");
         LockManager second = manager_of(fixture, "second:2");
         auto lock = Calls::acquire(first, "key", {.ttl = long_term});
         ASSERT_TRUE(lock.has_value());
         (void)second.force_release("key");
         auto reader = Calls::acquire(second, "key", reading);
         ASSERT_TRUE(reader.has_value());
         EXPECT_THROW(lock->downgrade(), LockLost);
         EXPECT_FALSE(lock->owns_lock());
         EXPECT_TRUE(is_read_by(1, second.inspect("key")));
         EXPECT_TRUE(reader->owns_lock());
     }},
    {"PermitsAreCountedOverManagers",
     [](BackendFixture& fixture) {
         LockManager first = manager_of(fixture, "first:1");
         LockManager second = manager_of(fixture, "second:2");
         DistributedSemaphore here{first, "pool", 3, {.ttl = long_term}};
         const LockOptions two{.ttl = long_term, .share = {2, 3}};
         auto permits = Calls::acquire(second, "pool", two);
         ASSERT_TRUE(permits.has_value());
         EXPECT_EQ(here.available(), 1);
         EXPECT_FALSE(granted(here.try_acquire(2)));
         auto last = here.try_acquire();
         ASSERT_TRUE(last.has_value());
         EXPECT_EQ(here.available(), 0);
         std::error_code ec;
         EXPECT_FALSE(granted(Calls::acquire(second, "pool", two, ec)));
         EXPECT_EQ(ec, Errc::held);
         DistributedSemaphore other{second, "pool", 4, {.ttl = long_term}};
         EXPECT_FALSE(granted(other.try_acquire(1, ec)));
         EXPECT_EQ(ec, Errc::conflicting_use);
         EXPECT_EQ(other.available(ec), 0);
         EXPECT_EQ(ec, Errc::conflicting_use);
         EXPECT_EQ(Calls::release(*permits), ReleaseResult::released);
         EXPECT_EQ(here.available(), 2);
     }},
    {"NeverMoreHoldersThanPermits",
     [](BackendFixture& fixture) {
         constexpr int permits = 3;
         LockManager first = manager_of(fixture, "first:1");
         LockManager second = manager_of(fixture, "second:2");
         std::atomic<int> inside{0};
         std::atomic<int> too_many{0};
         std::atomic<int> missing{0};
         std::vector<std::future<void>> workers;
         for (int worker = 0; worker < 8; ++worker) {
             workers.push_back(std::async(std::launch::async, [&, worker] {
                 const LockOptions options{.ttl = long_term,
                                           .wait_timeout = patience_of(fixture),
                                           .share = {1 + worker % 2, permits}};
                 for (int round = 0; round < 10; ++round) {
                     auto lock = Calls::acquire(worker % 3 == 0 ? first : second, "pool", options);
                     const int count = Claim{options.share}.count();
                     if (!lock) return void(++missing);
                     if (inside.fetch_add(count) + count > permits) ++too_many;
                     inside.fetch_sub(count);
                     EXPECT_EQ(Calls::release(*lock), ReleaseResult::released);
                 }
             }));
         }
         for (auto& worker : workers) settle_while_running(fixture, worker);
         EXPECT_EQ(too_many, 0);
         EXPECT_EQ(missing, 0) << "a wait that never ends";
         EXPECT_FALSE(first.inspect("pool").held);
     }},
    {"WriterWhoWaitsGetsItsTurnBetweenReaders",
     [](BackendFixture& fixture) {
         LockManager first = manager_of(fixture, "first:1");
         LockManager second = manager_of(fixture, "second:2");
         auto reader = Calls::acquire(first, "key", reading);
         ASSERT_TRUE(reader.has_value());
         auto call = std::async(std::launch::async, [&] {
             return Calls::acquire(second, "key",
                                   {.ttl = long_term, .wait_timeout = patience_of(fixture)});
         });
         EXPECT_EQ(call.wait_for(0ms), std::future_status::timeout);
         EXPECT_EQ(Calls::release(*reader), ReleaseResult::released);
         settle_while_running(fixture, call);
         auto writer = call.get();
         ASSERT_TRUE(writer.has_value());
         EXPECT_GT(writer->fencing_token(), reader->fencing_token());
     }},
    {"ForcedReleaseEndsAllShares",
     [](BackendFixture& fixture) {
         LockManager first = manager_of(fixture, "first:1");
         LockManager second = manager_of(fixture, "second:2");
         auto here = Calls::acquire(first, "key", reading);
         auto there = Calls::acquire(second, "key", reading);
         ASSERT_TRUE(here && there);
         EXPECT_TRUE(is_read_by(2, second.force_release("key")));
         EXPECT_FALSE(first.inspect("key").held);
         EXPECT_EQ(Calls::release(*here), ReleaseResult::lost);
         auto writer = Calls::acquire(first, "key", {.ttl = long_term});
         ASSERT_TRUE(writer.has_value());
         EXPECT_EQ(Calls::release(*there), ReleaseResult::lost);
         EXPECT_EQ(second.inspect("key").owner, "first:1");
     }},
    {"SharedMutexIsOneForReadersAndWriters",
     [](BackendFixture& fixture) {
         LockManager first = manager_of(fixture, "first:1");
         LockManager second = manager_of(fixture, "second:2");
         SharedDistributedMutex here{first, "key", {.ttl = long_term}};
         SharedDistributedMutex there{second, "key", {.ttl = long_term}};
         std::shared_lock reader{here};
         EXPECT_TRUE((std::shared_lock{there, std::try_to_lock}.owns_lock()));
         EXPECT_FALSE((std::unique_lock{there, std::try_to_lock}.owns_lock()));
         reader.unlock();
         std::unique_lock writer{there, std::defer_lock};
         EXPECT_TRUE(settle_until(fixture, 10s, [&] { return writer.try_lock(); }));
         EXPECT_FALSE(reader.try_lock());
         writer.unlock();
         EXPECT_TRUE(settle_until(fixture, 10s, [&] { return reader.try_lock(); }));
     }},
};

// With a queue: many readers are in at once, behind a writer who let go.
inline constexpr Case<BackendFixture> share_crowd_cases[] = {
    {"CoroutinesOfTwoManagersReadAtOnceBehindAWriter",
     [](BackendFixture& fixture) {
         constexpr int count = 100;
         LockManager first = manager_of(fixture, "first:1");
         LockManager second = manager_of(fixture, "second:2");
         auto writer = first.acquire("key", {.ttl = long_term});
         ASSERT_TRUE(writer.has_value());
         std::atomic<int> inside{0};
         std::vector<std::future<bool>> calls;
         std::vector<std::optional<ScopedDistributedLock>> locks(count);
         const auto run = [&](LockManager& manager, int i) -> Promised<bool> {
             locks[static_cast<std::size_t>(i)] = co_await manager.async_acquire(
                 "key", {.ttl = long_term, .wait_timeout = patience_of(fixture), .share = shared});
             ++inside;
             co_return true;
         };
         for (int i = 0; i < count; ++i) {
             calls.push_back(run(i % 2 == 0 ? first : second, i).result);
         }
         EXPECT_TRUE(
             settle_until(fixture, 10s, [&] { return first.inspect("key").waiting == count; }));
         EXPECT_EQ(inside, 0);
         EXPECT_EQ(writer->release(), ReleaseResult::released);
         for (auto& call : calls) settle_while_running(fixture, call);
         EXPECT_EQ(inside, count);
         EXPECT_TRUE(is_read_by(count, first.inspect("key")));
     }},
};

}  // namespace leaselock::testing::detail

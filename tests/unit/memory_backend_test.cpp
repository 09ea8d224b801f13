// Goal: what MemoryBackend promises beside the contract of every backend: it forgets nothing that
// is held or waited for, and all threads may use it at once. Method: many more keys than it keeps;
// many threads on few keys; ten thousand waiters on one.
#include <atomic>
#include <deque>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/memory_backend.hpp>

#include "unit/memory_store.hpp"

namespace leaselock {
namespace {

TEST(MemoryBackend, ForgetsNoLockThatIsHeld) {
    MemoryBackend backend;
    std::map<int, std::uint64_t> fences;
    for (int i = 0; i < 5'000; ++i) {
        fences[i] = acquire(backend, numbered(i), begin, 1h).fencing_token;
    }
    auto now = begin;
    for (int i = 5'000; i < 50'000; ++i, now += 10ms) (void)acquire(backend, numbered(i), now);
    for (const auto& [i, fence] : fences) {
        const std::string key = numbered(i);
        const Reply inspect = ask(backend, {.verb = Verb::inspect, .key = key, .submitted = now});
        ASSERT_EQ(inspect.outcome, Outcome::held) << key;
        ASSERT_EQ(inspect.fencing_token, fence) << key;
    }
}

TEST(MemoryBackend, FencesRiseEvenForKeysThatWereForgotten) {
    MemoryBackend backend;
    const std::string key = numbered(0);
    std::uint64_t last = acquire(backend, key, begin, 10ms).fencing_token;
    for (int round = 0; round < 10; ++round) {
        const auto now = begin + round * 20ms;
        for (int i = 1; i < 5'000; ++i) (void)acquire(backend, numbered(i), now, 10ms);
        const Reply again = acquire(backend, key, now + 10ms, 10ms);
        ASSERT_EQ(again.outcome, Outcome::granted);
        ASSERT_GT(again.fencing_token, last);
        last = again.fencing_token;
    }
}

// Waits for a key, and remembers the fence by which it got it.
class FenceListener final : public Listener {
  public:
    FenceListener(std::string_view key, std::string_view token) : Listener{key, token} {}
    virtual ~FenceListener() = default;

    WakeUp handed_over(const HandOff& what) noexcept override {
        fence = what.fencing_token;
        return {};
    }
    WakeUp poll() noexcept override { return {}; }

    Reply acquire(MemoryBackend& backend, Clock::time_point now) {
        return ask(backend, {.verb = Verb::acquire,
                             .key = key(),
                             .token = token(),
                             .ttl = 1h,
                             .listener = this,
                             .entry_life = 1h,
                             .submitted = now});
    }
    Reply release(MemoryBackend& backend, Clock::time_point now) const {
        return ask(backend,
                   {.verb = Verb::release, .key = key(), .token = token(), .submitted = now});
    }

    std::uint64_t fence = 0;
};

TEST(MemoryBackend, ForgetsNoEntryThatLives) {
    MemoryBackend backend;
    const std::string key = numbered(0);
    ASSERT_EQ(acquire(backend, key, begin, 10ms).outcome, Outcome::granted);
    FenceListener first{key, "tester:2/waiter"};
    ASSERT_TRUE(first.acquire(backend, begin).first);
    // The lease is over, and many shards' worth of keys come and go.
    for (int i = 1; i < 50'000; ++i) (void)acquire(backend, numbered(i), begin + 1min, 10ms);
    EXPECT_EQ(acquire(backend, key, begin + 2min).outcome, Outcome::held);
    EXPECT_EQ(first.acquire(backend, begin + 2min).outcome, Outcome::granted);
}

TEST(MemoryBackend, ServesTenThousandWaitersInOrder) {
    MemoryBackend backend;
    const std::string key = numbered(0);
    std::vector<std::string> owners;
    for (int i = 0; i < 10'000; ++i) owners.push_back("tester:2/waiter " + std::to_string(i));
    std::deque<FenceListener> waiters;
    ASSERT_EQ(acquire(backend, key, begin, 1h).outcome, Outcome::granted);
    for (const std::string& owner : owners) {
        ASSERT_TRUE(waiters.emplace_back(key, owner).acquire(backend, begin).queued);
    }
    for (FenceListener& each : waiters) {
        ASSERT_EQ(each.acquire(backend, begin + 1s).first, &each == &waiters.front());
    }
    ASSERT_EQ(
        ask(backend, {.verb = Verb::release, .key = key, .token = token, .submitted = begin + 1s})
            .outcome,
        Outcome::released);
    std::uint64_t last = 0;
    for (FenceListener& each : waiters) {
        ASSERT_GT(each.fence, last);
        last = each.fence;
        ASSERT_EQ(each.release(backend, begin + 1s).outcome, Outcome::released);
    }
    EXPECT_EQ(acquire(backend, key, begin + 1s).outcome, Outcome::granted);
}

// The one that releases may have been stopped between its look at the clock and the release.
TEST(MemoryBackend, HandOffLastsItsTtlFromTheWinnersNewestAcquire) {
    MemoryBackend backend;
    const std::string key = numbered(0);
    ASSERT_EQ(acquire(backend, key, begin, 1h).outcome, Outcome::granted);
    FenceListener waiter{key, "tester:2/waiter"};
    ASSERT_TRUE(waiter.acquire(backend, begin + 10s).first);
    (void)ask(backend, {.verb = Verb::release, .key = key, .token = token, .submitted = begin});
    ASSERT_GT(waiter.fence, 0U);
    EXPECT_EQ(acquire(backend, key, begin + 10s + 1h - 1ms).outcome, Outcome::held);
}

TEST(MemoryBackend, ManyThreadsShareItsKeysWithoutSharingALock) {
    MemoryBackend backend;
    constexpr int threads = 8;
    constexpr int rounds = 20'000;
    std::vector<int> counters(10);  // each guarded by the lock of its key alone
    std::atomic<int> grants{0};
    {
        std::vector<std::jthread> workers;
        for (int t = 0; t < threads; ++t) {
            workers.emplace_back([&, t] {
                const std::string mine = "tester:" + std::to_string(t) + token.substr(8);
                for (int i = 0; i < rounds; ++i) {
                    const int which = (i * 7 + t) % static_cast<int>(counters.size());
                    const std::string key = numbered(which);
                    Request request{.verb = Verb::acquire,
                                    .key = key,
                                    .token = mine,
                                    .ttl = 24h,
                                    .submitted = begin};
                    if (ask(backend, request).outcome != Outcome::granted) continue;
                    ++counters[static_cast<std::size_t>(which)];
                    ++grants;
                    request.verb = Verb::release;
                    ASSERT_EQ(ask(backend, request).outcome, Outcome::released);
                }
            });
        }
    }
    int sum = 0;
    for (const int counter : counters) sum += counter;
    EXPECT_EQ(sum, grants);
    EXPECT_GT(grants, 0);
}

}  // namespace
}  // namespace leaselock

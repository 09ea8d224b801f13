// Goal: what MemoryBackend promises beside the contract of every backend: it forgets nothing that
// is held, and all threads may use it at once. Method: many more keys than it keeps; many threads
// on few keys.
#include <atomic>
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
        const Reply look = ask(backend, {.verb = Verb::inspect, .key = key, .submitted = now});
        ASSERT_EQ(look.outcome, Outcome::held) << key;
        ASSERT_EQ(look.fencing_token, fence) << key;
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

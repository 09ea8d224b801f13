// Goal: WordMutex lets one thread in at a time, and each that waits in the end. Method: threads
// that count with it what is no atomic, so that TSan sees a fault as well; and a thread that is
// seen to wait before the mutex is unlocked.
#include <atomic>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

#include <leaselock/detail/word_mutex.hpp>

namespace leaselock::detail {
namespace {

struct CountedByAll {
    WordMutex mutex;
    int count LEASELOCK_GUARDED_BY(mutex) = 0;
};

TEST(WordMutexTest, OneThreadAtATimeIsInAndAllOfThemGetThere) {
    constexpr int threads = 4;
    constexpr int rounds = 20'000;
    CountedByAll all;
    std::vector<std::thread> counters;
    for (int i = 0; i < threads; ++i) {
        counters.emplace_back([&all] {
            for (int round = 0; round < rounds; ++round) {
                const WordMutexLock lock{all.mutex};
                ++all.count;
                if (round % 512 == 0) std::this_thread::yield();
            }
        });
    }
    for (std::thread& each : counters) each.join();
    const WordMutexLock lock{all.mutex};
    EXPECT_EQ(all.count, threads * rounds);
}

TEST(WordMutexTest, SeveralThatWaitAreWokenOneByTheOther) {
    for (int round = 0; round < 100; ++round) {
        CountedByAll all;
        std::atomic<int> begun{0};
        std::vector<std::thread> waiters;
        {
            const WordMutexLock lock{all.mutex};
            for (int i = 0; i < 3; ++i) {
                waiters.emplace_back([&] {
                    ++begun;
                    const WordMutexLock its{all.mutex};
                    ++all.count;
                });
            }
            while (begun != 3) std::this_thread::yield();
        }
        for (std::thread& each : waiters) each.join();
        const WordMutexLock lock{all.mutex};
        ASSERT_EQ(all.count, 3);
    }
}

}  // namespace
}  // namespace leaselock::detail

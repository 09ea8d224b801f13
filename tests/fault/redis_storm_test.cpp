// Goal: many threads on one backend whose connection is killed again and again exclude each other,
// none of them hangs, and nothing stays behind without a ttl. Method: each thread notes from when
// to when it could believe that it held a key; afterwards no two notes on one key may overlap, and
// their fences must rise.
#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "fault/fault_fixture.hpp"
#include "support/leaks.hpp"

namespace leaselock {
namespace {

using namespace support;

constexpr int thread_count = 32;
constexpr std::size_t key_count = 64;
constexpr milliseconds duration = 3s;
constexpr milliseconds ttl = 1s;

struct Hold {
    Clock::time_point from;
    Clock::time_point to;
    std::uint64_t fence = 0;
};

// What all threads found out.
struct Notes {
    std::array<std::mutex, key_count> mutexes;
    std::array<std::vector<Hold>, key_count> holds;
    std::atomic<int> failures{0};
    std::atomic<Clock::rep> longest_call{0};
};

std::string key_of(std::size_t index) { return "key" + std::to_string(index); }

void note_length(Notes& notes, Clock::duration took) {
    Clock::rep longest = notes.longest_call;
    while (took.count() > longest &&
           !notes.longest_call.compare_exchange_weak(longest, took.count())) {
    }
}

// One section on one key, however it ends.
void hold_once(LockManager& locks, std::size_t index, bool waits, Notes& notes) {
    LockOptions options{.ttl = ttl};
    if (waits) options.wait_timeout = 100ms;
    std::error_code ec;
    const Clock::time_point start = boot_clock()->now();
    auto lock = locks.acquire(key_of(index), options, ec);
    note_length(notes, boot_clock()->now() - start);
    if (!lock) {
        if (ec != Family::contended) ++notes.failures;
        EXPECT_TRUE(ec == Family::contended || ec == Family::unknown || ec == Family::unavailable)
            << ec.message();
        return;
    }
    const milliseconds left = lock->remaining();
    const Clock::time_point from = boot_clock()->now();
    if (left == 0ms) return;
    std::this_thread::yield();
    const Clock::time_point to = std::min(boot_clock()->now(), from + left);
    {
        const std::lock_guard guard{notes.mutexes[index]};
        notes.holds[index].push_back({from, to, lock->fencing_token()});
    }
    note_length(notes, time_of([&] { (void)lock->release(ec); }));
    if (ec) ++notes.failures;
}

void expect_exclusion(std::vector<Hold>& holds) {
    std::sort(holds.begin(), holds.end(),
              [](const Hold& a, const Hold& b) { return a.from < b.from; });
    for (std::size_t i = 1; i < holds.size(); ++i) {
        EXPECT_LE(holds[i - 1].to, holds[i].from) << "two held it at once";
        EXPECT_LT(holds[i - 1].fence, holds[i].fence);
    }
}

TEST(RedisStorm, Row66ThreadsExcludeEachOtherWhileTheirConnectionIsKilled) {
    RedisServer server;
    LockManager locks = manager_on(server.url());
    Notes notes;
    const Clock::time_point end = boot_clock()->now() + duration;
    {
        std::vector<std::jthread> threads;
        threads.reserve(thread_count);
        for (unsigned i = 0; i < thread_count; ++i) {
            threads.emplace_back([&, i] {
                std::minstd_rand random{i + 1};
                while (boot_clock()->now() < end) {
                    hold_once(locks, random() % key_count, random() % 2 == 0, notes);
                }
            });
        }
        for (auto next = boot_clock()->now(); next < end; next += 50ms) {
            ASSERT_TRUE(poll_until([&] { return boot_clock()->now() >= next; }));
            server.cli("CLIENT", "KILL", "TYPE", "normal");
        }
    }
    std::size_t sections = 0;
    for (auto& holds : notes.holds) {
        sections += holds.size();
        expect_exclusion(holds);
    }
    EXPECT_GT(sections, 100U);
    EXPECT_LT(Clock::duration{notes.longest_call}, long_timeout / 2) << "somebody hung";

    EXPECT_EQ(support::keys_without_ttl(server), std::vector<std::string>{});
    for (std::size_t i = 0; i < key_count; ++i) {
        std::error_code ec;
        EXPECT_TRUE(locks.acquire(key_of(i), {.wait_timeout = long_timeout}, ec)) << ec.message();
    }
    RecordProperty("sections", static_cast<int>(sections));
    RecordProperty("failures", notes.failures);
    RecordProperty("longest_call_ms", static_cast<int>(notes.longest_call / 1'000'000));
}

}  // namespace
}  // namespace leaselock

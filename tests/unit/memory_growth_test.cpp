// Goal: MemoryBackend forgets what nobody needs. Method: the program's own allocations are counted
// while it is handed ever new keys.
#include <atomic>
#include <cstdlib>
#include <gtest/gtest.h>
#include <new>
#include <string>

#include <leaselock/memory_backend.hpp>

#include "unit/memory_store.hpp"

namespace {

std::atomic<std::ptrdiff_t> live_blocks{0};

}  // namespace

void* operator new(std::size_t bytes) {
    void* const block = std::malloc(bytes == 0 ? 1 : bytes);
    if (block == nullptr) throw std::bad_alloc{};
    live_blocks.fetch_add(1, std::memory_order_relaxed);
    return block;
}
void operator delete(void* block) noexcept {
    if (block != nullptr) live_blocks.fetch_sub(1, std::memory_order_relaxed);
    std::free(block);
}
void operator delete(void* block, std::size_t /*bytes*/) noexcept { operator delete(block); }

namespace leaselock {
namespace {

TEST(MemoryGrowth, ForgetsExpiredKeysThatNobodyLooksAtAnyMore) {
    MemoryBackend backend;
    const auto before = live_blocks.load();
    auto now = begin;
    for (int i = 0; i < 100'000; ++i, now += 1s) {
        ASSERT_EQ(acquire(backend, numbered(i), now).outcome, Outcome::granted);
    }
    EXPECT_LT(live_blocks - before, 20'000) << "of 300'000 if it forgot nothing";
}

TEST(MemoryGrowth, ForgetsReleasedKeys) {
    MemoryBackend backend;
    const auto before = live_blocks.load();
    for (int i = 0; i < 100'000; ++i) {
        const std::string key = numbered(i);
        ASSERT_EQ(acquire(backend, key, begin, 24h).outcome, Outcome::granted);
        ASSERT_EQ(
            ask(backend, {.verb = Verb::release, .key = key, .token = token, .submitted = begin})
                .outcome,
            Outcome::released);
    }
    EXPECT_LT(live_blocks - before, 20'000);
}

}  // namespace
}  // namespace leaselock

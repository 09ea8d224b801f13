// In which of several parts a thread counts and keeps what is its own, so that threads which do not
// meet touch no memory that is written by the other.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <atomic>
#include <cstddef>

namespace leaselock::detail {

inline constexpr std::size_t shard_count = 16;

// From 0 on: of the calling thread, always the same one, and that of no other thread.
[[nodiscard]] inline std::size_t own_number() noexcept {
    static constinit std::atomic<std::size_t> threads{0};
    constinit thread_local std::size_t number = 0;  // from 1 on
    if (number == 0) number = threads.fetch_add(1, std::memory_order_relaxed) + 1;
    return number - 1;
}

// Below shard_count: of the calling thread, always the same one. Of numbers below shard_count each
// thread has another one.
[[nodiscard]] inline std::size_t own_shard() noexcept { return own_number() % shard_count; }

}  // namespace leaselock::detail

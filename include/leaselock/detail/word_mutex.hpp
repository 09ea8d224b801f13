// A mutex in one word, whose uncontended lock and unlock are one atomic instruction each, inlined:
// for what is locked twice in each lock that meets nobody. It neither spins for long nor is fair,
// as std::mutex. Not for users.
//
// Thread-safety: WordMutex is for all threads; a WordMutexLock belongs to one.
#pragma once

#include <atomic>
#include <cstdint>

#include <leaselock/detail/thread_annotations.hpp>

namespace leaselock::detail {

class LEASELOCK_CAPABILITY("mutex") WordMutex {
  public:
    WordMutex() = default;
    WordMutex(const WordMutex&) = delete;
    WordMutex& operator=(const WordMutex&) = delete;
    ~WordMutex() = default;

    void lock() noexcept LEASELOCK_ACQUIRE() {
        int expected = unlocked;
        if (!word_.compare_exchange_strong(expected, locked, std::memory_order_acquire,
                                           std::memory_order_relaxed)) {
            wait();
        }
    }
    void unlock() noexcept LEASELOCK_RELEASE() {
        if (word_.exchange(unlocked, std::memory_order_release) == waited_for) word_.notify_one();
    }

  private:
    static constexpr int unlocked = 0;
    static constexpr int locked = 1;
    static constexpr int waited_for = 2;

    // A thread that has waited leaves the mark, since others may wait as well.
    [[gnu::noinline]] void wait() noexcept {
        while (word_.exchange(waited_for, std::memory_order_acquire) != unlocked) {
            word_.wait(waited_for, std::memory_order_relaxed);
        }
    }

    std::atomic<int> word_{unlocked};
};

using WordMutexLock = MutexLock<WordMutex>;

}  // namespace leaselock::detail

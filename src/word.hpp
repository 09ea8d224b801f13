// A word on which one thread sleeps until another sets something in it: a futex. It costs no system
// call while nobody sleeps, needs no mutex, and may be destroyed by the thread that waits as soon
// as that thread has seen what it waited for, although the thread that set it may not have
// returned.
//
// Thread-safety: wait() for one thread at a time, the others for all.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace leaselock::detail {

class Word {
  public:
    using Bits =
        std::uint32_t;  // what each bit means is up to the user; never the highest, which is ours

    // Adds `bits`, and wakes the thread that sleeps. Does not block. The last access to the object
    // is the atomic one: the kernel is given the address alone, and if that has gone, it wakes
    // nobody, or a thread for which it is a spurious wake-up.
    void set(Bits bits) noexcept {
        std::atomic<Bits>* const word = &word_;
        Bits before = word->load(std::memory_order_relaxed);
        while (!word->compare_exchange_weak(before, (before | bits) & ~asleep_bit,
                                            std::memory_order_acq_rel, std::memory_order_relaxed)) {
        }
        if ((before & asleep_bit) != 0) call(word, FUTEX_WAKE_PRIVATE, 1, nullptr);
    }

    [[nodiscard]] Bits get() const noexcept {
        return word_.load(std::memory_order_acquire) & ~asleep_bit;
    }
    // Takes `bits` away. Gives those of them that were set.
    Bits take(Bits bits) noexcept {
        return word_.fetch_and(~bits, std::memory_order_acq_rel) & bits & ~asleep_bit;
    }

    // Blocks until a bit is set, or for about `at_most` on the steady clock, which stands still
    // while the machine is suspended. May return earlier. Gives what is set.
    Bits wait(std::chrono::nanoseconds at_most) noexcept {
        Bits seen = get();
        if (seen != 0 || at_most <= std::chrono::nanoseconds::zero()) return seen;
        if (!word_.compare_exchange_strong(seen, asleep_bit, std::memory_order_acq_rel)) {
            return seen & ~asleep_bit;
        }
        constexpr std::chrono::nanoseconds::rep second = 1'000'000'000;
        const timespec time{.tv_sec = at_most.count() / second,
                            .tv_nsec = at_most.count() % second};
        call(&word_, FUTEX_WAIT_PRIVATE, asleep_bit, &time);
        return word_.fetch_and(~asleep_bit, std::memory_order_acq_rel) & ~asleep_bit;
    }

    // Whether a thread is in wait() for which nothing was set yet.
    [[nodiscard]] bool asleep() const noexcept {
        return (word_.load(std::memory_order_acquire) & asleep_bit) != 0;
    }

  private:
    static constexpr Bits asleep_bit = Bits{1} << 31;

    static void call(std::atomic<Bits>* word, int what, Bits value, const timespec* time) noexcept {
        ::syscall(SYS_futex, word, what, value, time, nullptr, 0);
    }

    std::atomic<Bits> word_{0};
    static_assert(sizeof(word_) == 4 && std::atomic<Bits>::is_always_lock_free);
};

}  // namespace leaselock::detail

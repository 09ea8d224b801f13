// A word on which one thread sleeps until another sets something in it: a futex. It costs no system
// call while nobody sleeps, needs no mutex, and may be destroyed by the thread that waits as soon
// as that thread has seen what it waited for, although the thread that set it may not have
// returned.
//
// Thread-safety: Word::wait() for one thread at a time, the others for all; a WakeUp belongs to
// one.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <utility>

#include <leaselock/detail/export.hpp>

namespace leaselock {
namespace detail {
class Word;
}

// A thread that is still asleep, although what it waits for is there: it is woken when this is
// destroyed, at the end of the statement if nobody keeps it. Who holds a mutex that the thread
// wants next keeps it until the mutex is unlocked. It knows an address alone, so what the thread
// slept on may be gone.
class LEASELOCK_EXPORT WakeUp {
  public:
    WakeUp() noexcept = default;
    WakeUp(const WakeUp&) = delete;
    WakeUp& operator=(const WakeUp&) = delete;
    WakeUp(WakeUp&& from) noexcept : word_{std::exchange(from.word_, nullptr)} {}
    WakeUp& operator=(WakeUp&& from) noexcept {
        const WakeUp former{std::move(*this)};
        word_ = std::exchange(from.word_, nullptr);
        return *this;
    }
    ~WakeUp() {
        if (word_ != nullptr) wake();
    }

  private:
    friend class detail::Word;

    explicit WakeUp(const std::atomic<std::uint32_t>* word) noexcept : word_{word} {}
    void wake() const noexcept;

    const std::atomic<std::uint32_t>* word_ = nullptr;
};

namespace detail {

class Word {
  public:
    using Bits =
        std::uint32_t;  // what each bit means is up to the user; never the highest, which is ours

    // Adds `bits`; the thread that sleeps is woken as the WakeUp is destroyed. Does not block. The
    // last access to the object is the atomic one: the kernel is given the address alone, and if
    // that has gone, it wakes nobody, or a thread for which it is a spurious wake-up.
    WakeUp set(Bits bits) noexcept {
        const std::atomic<Bits>* const word = &word_;
        Bits before = word_.load(std::memory_order_relaxed);
        while (!word_.compare_exchange_weak(before, (before | bits) & ~asleep_bit,
                                            std::memory_order_acq_rel, std::memory_order_relaxed)) {
        }
        return WakeUp{(before & asleep_bit) != 0 ? word : nullptr};
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
        sleep(word_, asleep_bit, at_most);
        return word_.fetch_and(~asleep_bit, std::memory_order_acq_rel) & ~asleep_bit;
    }

    // Whether a thread is in wait() for which nothing was set yet.
    [[nodiscard]] bool asleep() const noexcept {
        return (word_.load(std::memory_order_acquire) & asleep_bit) != 0;
    }

  private:
    static constexpr Bits asleep_bit = Bits{1} << 31;

    // Until the word is another, or somebody wakes it.
    LEASELOCK_EXPORT static void sleep(const std::atomic<Bits>& word, Bits value,
                                       std::chrono::nanoseconds at_most) noexcept;

    std::atomic<Bits> word_{0};
    static_assert(sizeof(word_) == 4 && std::atomic<Bits>::is_always_lock_free);
};

}  // namespace detail
}  // namespace leaselock

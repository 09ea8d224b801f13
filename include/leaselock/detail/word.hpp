// A word on which one thread sleeps until another sets something in it: a futex. It costs no system
// call while nobody sleeps, needs no mutex, and may be destroyed by the thread that waits as soon
// as that thread has seen what it waited for, although the thread that set it may not have
// returned. A thread that waits for descriptors as well sleeps in poll() instead, and is woken by
// an eventfd, its bell.
//
// Thread-safety: Word::wait(), begin_poll() and end_poll() for one thread at a time, the others for
// all; a WakeUp belongs to one.
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
// slept on may be gone; or a bell, for which the thread waits before it closes it.
class LEASELOCK_EXPORT WakeUp {
  public:
    WakeUp() noexcept = default;
    WakeUp(const WakeUp&) = delete;
    WakeUp& operator=(const WakeUp&) = delete;
    WakeUp(WakeUp&& from) noexcept : word_{std::exchange(from.word_, nullptr)}, bell_{from.bell_} {}
    WakeUp& operator=(WakeUp&& from) noexcept {
        const WakeUp former{std::move(*this)};
        word_ = std::exchange(from.word_, nullptr);
        bell_ = from.bell_;
        return *this;
    }
    ~WakeUp() {
        if (word_ != nullptr) wake();
    }

  private:
    friend class detail::Word;

    WakeUp(const std::atomic<std::uint32_t>* word, int bell) noexcept : word_{word}, bell_{bell} {}
    void wake() const noexcept;

    const std::atomic<std::uint32_t>* word_ = nullptr;  // null: nobody is to be woken
    int bell_ = -1;                                     // rung if the thread is in poll()
};

namespace detail {

class Word {
  public:
    using Bits =
        std::uint32_t;  // what each bit means is up to the user; never the two highest, ours

    // Adds `bits`; the thread that sleeps is woken as the WakeUp is destroyed. Does not block. The
    // last access to the object is the atomic one: the kernel is given the address alone, and if
    // that has gone, it wakes nobody, or a thread for which it is a spurious wake-up.
    WakeUp set(Bits bits) noexcept {
        const std::atomic<Bits>* const word = &word_;
        Bits before = word_.load(std::memory_order_acquire);
        int bell = -1;
        do {
            bell = (before & polls_bit) != 0 ? bell_.load(std::memory_order_relaxed) : -1;
        } while (!word_.compare_exchange_weak(
            before, (before | bits) & ~ours, std::memory_order_acq_rel, std::memory_order_acquire));
        return WakeUp{(before & asleep_bit) != 0 ? word : nullptr, bell};
    }

    [[nodiscard]] Bits get() const noexcept {
        return word_.load(std::memory_order_acquire) & ~ours;
    }
    // Takes `bits` away. Gives those of them that were set.
    Bits take(Bits bits) noexcept {
        return word_.fetch_and(~bits, std::memory_order_acq_rel) & bits & ~ours;
    }

    // Blocks until a bit is set, or for about `at_most` on the steady clock, which stops
    // while the machine is suspended. May return earlier. Gives what is set.
    Bits wait(std::chrono::nanoseconds at_most) noexcept {
        Bits seen = get();
        if (seen != 0 || at_most <= std::chrono::nanoseconds::zero()) return seen;
        if (!word_.compare_exchange_strong(seen, asleep_bit, std::memory_order_acq_rel)) {
            return seen & ~ours;
        }
        sleep(word_, asleep_bit, at_most);
        return word_.fetch_and(~asleep_bit, std::memory_order_acq_rel) & ~ours;
    }

    // For a thread that is about to sleep in poll(): `bell`, an eventfd, is among what it waits
    // for. It is the same one for all calls. False: a bit is set, and it must not sleep. After true
    // end_poll() follows.
    [[nodiscard]] bool begin_poll(int bell) noexcept {
        bell_.store(bell, std::memory_order_relaxed);
        Bits seen = 0;
        return word_.compare_exchange_strong(seen, asleep_bit | polls_bit,
                                             std::memory_order_acq_rel);
    }
    // The thread is awake. True: something was set, and the bell was rung once for it, or will be
    // in a moment: the thread has to read that ring, and to wait for it, before the bell may be
    // closed.
    [[nodiscard]] bool end_poll() noexcept {
        return (word_.fetch_and(~ours, std::memory_order_acq_rel) & asleep_bit) == 0;
    }

    // Whether a thread is in wait() for which nothing was set yet.
    [[nodiscard]] bool asleep() const noexcept {
        return (word_.load(std::memory_order_acquire) & asleep_bit) != 0;
    }

  private:
    static constexpr Bits asleep_bit = Bits{1} << 31;
    static constexpr Bits polls_bit = Bits{1} << 30;
    static constexpr Bits ours = asleep_bit | polls_bit;

    // Until the word is another, or somebody wakes it.
    LEASELOCK_EXPORT static void sleep(const std::atomic<Bits>& word, Bits value,
                                       std::chrono::nanoseconds at_most) noexcept;

    std::atomic<Bits> word_{0};
    std::atomic<int> bell_{-1};
    static_assert(sizeof(word_) == 4 && std::atomic<Bits>::is_always_lock_free);
};

}  // namespace detail
}  // namespace leaselock

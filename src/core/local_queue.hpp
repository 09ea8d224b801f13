// The waiters of one manager for the same lock, first in, first out: one of them contends at the
// store, the others wait here and cost it nothing. One that is done passes the turn on, so the next
// one contends while its predecessor works.
//
// Only waiters are here: an acquire that finds its lock free has read one number.
//
// Thread-safety: all calls from all threads at once; a Ticket is its owner's.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <string_view>

#include <leaselock/backend.hpp>
#include <leaselock/detail/thread_annotations.hpp>

namespace leaselock::detail {

class LocalQueue {
  public:
    // One that waits. Whether it sleeps or is suspended meanwhile does not matter here.
    class Ticket {
      public:
        // The key outlives it.
        Ticket(const Backend& backend, std::string_view key) noexcept
            : backend_{&backend}, key_{key} {}
        Ticket(const Ticket&) = delete;
        Ticket& operator=(const Ticket&) = delete;
        virtual ~Ticket() = default;

        // It is its turn to poll the store. May come at any time and more than once, under a lock
        // of the queue: must not block, throw, or call the queue. Not after leave(). The thread is
        // woken when nothing is locked any more.
        virtual WakeUp turn() noexcept = 0;

      private:
        friend class LocalQueue;

        const Backend* backend_;
        std::string_view key_;
        bool here_ = false;  // the owner's own
        // The shard's.
        bool contends_ = false;
        bool told_ = false;         // of hand-offs, by the store
        Ticket* next_ = nullptr;    // contends: another key's; waits: the next one
        Ticket* before_ = nullptr;  // contends: another key's
        Ticket* line_ = nullptr;    // contends: the first that waits
        Ticket* last_ = nullptr;    // and the last, if there is one
    };

    // Whether it is worth to call join() or released(): whether anybody is here.
    [[nodiscard]] bool busy() const noexcept { return count_.load(std::memory_order_relaxed) != 0; }
    // Before its first poll. True: another one contends for that lock; wait for turn().
    [[nodiscard]] bool join(Ticket& ticket) noexcept;
    // After a poll in vain. True: it contends; `told`: and is notified of hand-offs. False: another
    // one does; wait for turn().
    [[nodiscard]] bool contend(Ticket& ticket, bool told) noexcept;
    // It has the lock, or gives up: the next one's turn. Nothing if it is not here.
    void leave(Ticket& ticket) noexcept;
    // A release of this manager was sent: where the store does not notify, the contender polls.
    void released(const Backend& backend, std::string_view key) noexcept;

  private:
    // On cache lines of its own.
    struct alignas(64) Shard {
        Mutex mutex;
        std::array<Ticket*, 64> contenders LEASELOCK_GUARDED_BY(mutex){};  // lists, by hash
    };
    static constexpr std::size_t shard_count = 64;

    [[nodiscard]] Shard& shard_of(std::string_view key) noexcept;
    [[nodiscard]] static Ticket*& list_of(Shard& shard, std::string_view key) noexcept
        LEASELOCK_REQUIRES(shard.mutex);
    [[nodiscard]] static Ticket* contender(Shard& shard, const Backend* backend,
                                           std::string_view key) noexcept
        LEASELOCK_REQUIRES(shard.mutex);
    void enter(Ticket& ticket) noexcept;
    static void put_first(Shard& shard, Ticket& ticket) noexcept LEASELOCK_REQUIRES(shard.mutex);
    static WakeUp pass_on(Shard& shard, Ticket& ticket) noexcept LEASELOCK_REQUIRES(shard.mutex);
    static void append(Ticket& contender, Ticket& ticket) noexcept;
    static void take_out(Ticket& contender, Ticket& ticket) noexcept;

    std::atomic<std::size_t> count_{0};
    std::array<Shard, shard_count> shards_;
};

}  // namespace leaselock::detail

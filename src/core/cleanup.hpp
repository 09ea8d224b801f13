// Releases that are under way without a caller that waits for them: those of guards that were
// destroyed, and those that a token owes because it may hold a lock that nobody knows of. Each is
// the very release of the guard, repeated with back-off until it is answered after the last time
// at which one of its acquires may still run at the store.
//
// Thread-safety: add(), frees(), let_go() and pending() from all threads at once; the rest is the
// LeaseTask's.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include <leaselock/clock.hpp>
#include <leaselock/detail/thread_annotations.hpp>

#include "base/jitter.hpp"
#include "core/lease.hpp"

namespace leaselock::detail {

class Cleanup {
  public:
    // What becomes of a duty, for those that count and report.
    using Report = std::function<void(const Lease&)>;

    // Takes the lease, whose release was submitted or has to be. False: closed, and the lease is
    // left where it was.
    [[nodiscard]] bool add(LeasePtr& lease) noexcept;
    // Whether it takes no lease any more.
    [[nodiscard]] bool closed() noexcept;
    // Whether a release of that token is under way which will free its key.
    [[nodiscard]] bool frees(std::string_view token, Clock::time_point now) noexcept;
    // How many it has dropped so far, settled or not.
    [[nodiscard]] std::uint64_t let_go() const noexcept { return let_go_.load(); }
    // How many are owed whose first release did not settle them.
    [[nodiscard]] std::size_t pending() const noexcept { return pending_.load(); }

    // The release of that lease was answered: it is settled and dropped, or planned again.
    void answered(Lease& lease, Clock::time_point now, const Report& settled) noexcept;
    // Hands what is due to `send`. Answers when the next is due.
    using Send = std::function<void(Lease&)>;
    Clock::time_point send_due(Clock::time_point now, const Send& send);
    [[nodiscard]] bool empty() noexcept { return first() == nullptr; }
    // What waits for its next try is tried in the next round.
    void hurry() noexcept;
    // Takes none any more.
    void close() noexcept;
    // The same if it has none; answers whether that is so. None can come in between.
    [[nodiscard]] bool close_if_empty() noexcept;
    // One that it still has; null if there is none.
    [[nodiscard]] Lease* first() noexcept;
    // Drops one, settled or not.
    void drop(Lease& lease) noexcept;

  private:
    void plan_again(Lease& lease, Clock::time_point now) noexcept;

    Mutex mutex_;
    // New ones are put in by their threads; the links after the first are the LeaseTask's to
    // change.
    Lease* first_ LEASELOCK_GUARDED_BY(mutex_) = nullptr;
    bool closed_ LEASELOCK_GUARDED_BY(mutex_) = false;
    std::atomic<std::size_t> pending_{0};
    std::atomic<std::uint64_t> let_go_{0};
    Jitter jitter_{0x9e3779b9U};
};

}  // namespace leaselock::detail

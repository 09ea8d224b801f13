// Waits until so many have come: workers of any process count down, and all that wait continue
// when the last one has.
//
//     leaselock::CountDownLatch loaded{locks, "import-2026-11-26", 12};
//     loaded.count_down();              // each of the twelve
//     if (loaded.wait_for(10min)) publish();
//
// It opens once, and stays open as long as it lives: for its ttl, 24 h unless the options say less,
// after the last call that counted or waited; or until reset(). So a name should be of one
// occasion. All say the same count; another count while it lives is refused with
// Errc::conflicting_use, and so is a lock with the key of a latch, and a latch with that of a lock.
//
// Waiters are notified at once when it opens, all of a process by one message; they poll now and
// then, as waiters for a lock do.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <system_error>

#include <leaselock/async.hpp>
#include <leaselock/claim.hpp>
#include <leaselock/detail/export.hpp>
#include <leaselock/detail/kept_options.hpp>
#include <leaselock/detail/requirements.hpp>
#include <leaselock/lock_manager.hpp>
#include <leaselock/lock_options.hpp>

namespace leaselock {

class LEASELOCK_EXPORT CountDownLatch {
  public:
    // A count of 1 to 10'000: throws LockError{invalid_option} for others. Of the options ttl,
    // wait_timeout, retry_delay and backend are used. A wait has no end, unless they say one. The
    // manager must outlive this object. Does no I/O; other wrong input shows at the first call.
    CountDownLatch(LockManager& manager, std::string_view key, int count,
                   const LockOptions& options = {});
    CountDownLatch(const CountDownLatch&) = delete;
    CountDownLatch& operator=(const CountDownLatch&) = delete;
    ~CountDownLatch() = default;

    // Counts down by one; nothing if it is open. One round trip, at most the command time-out; if
    // the connection breaks it is sent once more, and counts once. Throws LockError. Of
    // Family::unknown it may have been counted, and a second call would count again: ask count().
    // That is also the answer if it comes after the ttl, and, as unexpected_reply, if the server
    // refuses the command in its midst, for a right that is missing say: the text says which. Of
    // any other family it was not counted.
    void count_down();
    void count_down(std::error_code& ec);

    // Blocks until it is open, the time of the options is over, or `stop` is requested. Whether it
    // is open. Throws LockError, and costs as LockManager::acquire does.
    [[nodiscard]] bool wait(const std::stop_token& stop = {});
    // Throws nothing but bad_alloc: `ec` also says why it is false.
    [[nodiscard]] bool wait(const std::stop_token& stop, std::error_code& ec);
    [[nodiscard]] bool wait_for(Duration time);
    [[nodiscard]] bool try_wait() { return wait_for(std::chrono::milliseconds{0}); }

    // wait() without a thread that blocks, see <leaselock/async.hpp>: co_await gives what wait()
    // returns.
    [[nodiscard]] LatchAwaitable async_wait(std::stop_token stop = {});
    [[nodiscard]] LatchAwaitable async_wait(std::stop_token stop, std::error_code& ec);

    // How many are still to come. Informational, as LockManager::inspect, which it is. Throws
    // LockError: conflicting_use if the key is a lock, or a latch of another count.
    [[nodiscard]] int count();
    [[nodiscard]] int count(std::error_code& ec);

    // Ends it, so that the name may be used again: it is closed again, and all are to come. Refused
    // with conflicting_use while somebody waits for it. One round trip. Throws LockError.
    void reset();
    void reset(std::error_code& ec);

  private:
    // Whether the claim was granted. `ec` null: throws LockError, but not of contention.
    [[nodiscard]] bool ask(Claim claim, const LockOptions& options, const std::stop_token& stop,
                           std::error_code* ec);
    void end(std::error_code* ec);
    [[nodiscard]] int left_of(const LockInfo& info, std::error_code& ec) const noexcept;

    LockManager& manager_;
    const std::string key_;
    const int count_;
    const detail::KeptOptions options_;  // with a ttl, and without a share
};

}  // namespace leaselock

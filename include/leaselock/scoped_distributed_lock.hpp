// A held lock, for one scope: the guard. What LockManager::acquire gives, and what a constructor
// takes or throws. Move-only; the destructor releases. Ownership is this object, by a random token,
// never a thread: it may be moved to, and released from, any thread.
//
// The lease is renewed while the guard lives (LockOptions::renewal), and may be lost all the same:
// the store is away for longer than the ttl, somebody removes the key, this process is stopped.
// From the deadline on, even if no thread of ours runs, owns_lock(), remaining() and ensure()
// answer that it is lost, and it stays lost; lost() fires.
//
// A guard shares what it needs with its manager, which may be destroyed first: then the lock counts
// as lost, and the guard still releases. In a forked child the copy of a guard holds nothing and
// releases nothing.
//
// Thread-safety: one guard, one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include <leaselock/detail/export.hpp>
#include <leaselock/detail/lease_ptr.hpp>
#include <leaselock/detail/refused.hpp>
#include <leaselock/detail/requirements.hpp>
#include <leaselock/error.hpp>
#include <leaselock/lock_options.hpp>

namespace leaselock {

class LockManager;
class ReleaseAwaitable;

namespace detail {
class AnnotatedLock;
class AsyncAcquire;
}  // namespace detail

class [[nodiscard]] LEASELOCK_EXPORT ScopedDistributedLock {
  public:
    // Acquires or throws: LockNotAcquired if it is held by another and the wait, if any, is over or
    // was stopped; LockError for all else. Blocks and costs what LockManager::acquire does.
    [[nodiscard]] ScopedDistributedLock(LockManager& manager, std::string_view key,
                                        const LockOptions& options = {},
                                        const std::stop_token& stop = {});
    // The same without throwing anything but bad_alloc: `ec` says why the guard holds nothing.
    [[nodiscard]] ScopedDistributedLock(LockManager& manager, std::string_view key,
                                        const LockOptions& options, const std::stop_token& stop,
                                        std::error_code& ec);
    [[nodiscard]] ScopedDistributedLock(LockManager& manager, std::string_view key,
                                        const LockOptions& options, std::error_code& ec);

    LEASELOCK_REFUSED("a lock has a manager and a name: write lock{manager, \"key\"}")
    explicit ScopedDistributedLock(const char*);

    ScopedDistributedLock(const ScopedDistributedLock&) = delete;
    ScopedDistributedLock& operator=(const ScopedDistributedLock&) = delete;
    ScopedDistributedLock(ScopedDistributedLock&&) noexcept = default;
    // Releases what it held before, as the destructor does.
    ScopedDistributedLock& operator=(ScopedDistributedLock&& other) noexcept;
    // Releases without waiting: the release is written, and its answer is acted upon later by
    // threads of the library. After its manager's end this waits
    // for the answer, for what is left of the manager's `shutdown_timeout`, or for 20 ms if that is
    // more.
    ~ScopedDistributedLock() {
        if (lease_ != nullptr) end();
    }

    // Whether the lock is held, by the clock: the lease, counted from before its request was sent,
    // has not ended. Does not block. False after a release and for a guard that was moved from.
    [[nodiscard]] bool owns_lock() const noexcept;
    explicit operator bool() const& noexcept { return owns_lock(); }
    // clang-format off
    explicit operator bool() const&& = delete;  // it would be released at once: write auto lock = ...
    // clang-format on

    // How long it may still be believed; 0 if it is not held. Rounded down. Does not block.
    [[nodiscard]] std::chrono::milliseconds remaining() const noexcept;

    // Fires once when the lock is lost: when that is known, or when it can no longer be excluded,
    // which is at the deadline. Not by a release. It may fire a moment after owns_lock() says no,
    // and later still while another callback blocks: ask owns_lock() or ensure(), and not the
    // token, where it matters.
    //
    // Callbacks run on a thread that the manager keeps for user code, and never on one that calls a
    // function of a guard or a manager, whatever that has locked. (One that is made when the token
    // has fired already runs on the thread that makes it, as std::stop_callback says.) One that
    // blocks holds up others, and no renewal; it may destroy the guard. What it throws ends the
    // program.
    //
    // Does not block. May throw bad_alloc, and LockError{no_thread}: the system gives no thread, or
    // the manager has gone. Not for a lock that is over already.
    [[nodiscard]] std::stop_token lost();

    // Throws LockLost, which says why and since when, if it is not held. Ask before what cannot be
    // undone. Does not block.
    void ensure() const;
    // The same as a code: Errc::lost, or none.
    void ensure(std::error_code& ec) const noexcept;

    // Rises with every grant of the key; stays what it was after the lock is gone. 0 if this guard
    // never held one. Hand it to what the lock protects: only a resource that refuses older tokens
    // is safe against a holder that was paused past its lease.
    [[nodiscard]] std::uint64_t fencing_token() const noexcept;

    // The key without the manager's prefix; empty if this guard never held one.
    [[nodiscard]] std::string_view key() const noexcept;

    // What the store keeps under the key: `<owner>/<32 hex digits>`. Code that knows it can release
    // the lock, so it is for code that may, and for no log. Empty if this guard never held one, and
    // in a forked child for a lock in memory whose token nobody had asked for before.
    [[nodiscard]] std::string_view owner_token() const noexcept;

    // From now on the lease has `ttl` to run, 10 ms to 24 h, and is renewed with it. Longer than
    // what is left is one round trip, and blocks until its answer is there, at most the backend's
    // command time-out and the rest of the lease; shorter lowers what is believed here, without
    // I/O: nothing shortens a lease at the store. max_hold still holds. Throws LockLost, and
    // LockError if it is refused or not answered: then the lease is what it was.
    void extend(Duration ttl);
    void extend(Duration ttl, std::error_code& ec);

    // All of the lock becomes a reader's share of it (`shared`): those readers that wait first get
    // theirs at once, and nobody holds all of it in between. The lease is renewed by that. One
    // round trip; blocks until its answer is there, at most the backend's command time-out and the
    // rest of the lease. Throws LockLost if it is not held; LockError{invalid_option} if it is a
    // share already; LockError if it is not done or not answered: it counts as a reader's share all
    // the same, and others come in at its next renewal, or at its end.
    void downgrade();
    void downgrade(std::error_code& ec);

    // Releases now and says what it came to. Blocks until the answer is there, at most twice the
    // backend's command time-out; one round trip. Only the first call does anything. What is
    // `unknown` is repeated by the manager's thread until it is known.
    ReleaseResult release() noexcept;
    // `ec` says why the result is `unknown`; it is cleared otherwise.
    ReleaseResult release(std::error_code& ec) noexcept;

    // release() for coroutines: see <leaselock/async.hpp>, which has to be included. The guard
    // holds nothing from the co_await on.
    ReleaseAwaitable async_release();
    ReleaseAwaitable async_release(std::error_code& ec);

  private:
    friend class LockManager;
    friend class Leadership;
    friend class ScopedLockSet;
    friend class detail::AnnotatedLock;
    friend class detail::AsyncAcquire;
    explicit ScopedDistributedLock(detail::LeasePtr lease) noexcept : lease_{std::move(lease)} {}
    // What the destructor does with what it has.
    void end() noexcept;
    // One more guard of the same lock. Whichever releases first, releases it.
    [[nodiscard]] ScopedDistributedLock same() noexcept;
    // That source fires by a loss, too. Throws as lost().
    void pass_loss_on(const std::stop_source& to);

    detail::LeasePtr lease_;
};

namespace detail {

// The guard of DISTRIBUTED_LOCK: a function that ends after its lease was lost notifies observers.
class [[nodiscard]] LEASELOCK_EXPORT AnnotatedLock {
  public:
    // NOLINTNEXTLINE(google-explicit-constructor): what a macro makes of a guard.
    AnnotatedLock(ScopedDistributedLock lock) noexcept;
    AnnotatedLock(const AnnotatedLock&) = delete;
    AnnotatedLock& operator=(const AnnotatedLock&) = delete;
    ~AnnotatedLock() = default;

  private:
    ScopedDistributedLock lock_;
};

}  // namespace detail

}  // namespace leaselock

// A held lock, for one scope: the guard. What LockManager::acquire gives, and what a constructor
// takes or throws. Move-only; the destructor releases. Ownership is this object, by a random token,
// never a thread: it may be moved to, and released from, any thread.
//
// A guard shares what it needs with its manager, which may be destroyed first. In a forked child
// the copy of a guard holds nothing and releases nothing.
//
// Nothing renews a lease yet: it ends at its ttl. From then on, whoever runs, owns_lock(),
// remaining() and ensure() answer that it is lost.
//
// Thread-safety: one guard, one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string_view>
#include <system_error>

#include <leaselock/detail/export.hpp>
#include <leaselock/detail/lease.hpp>
#include <leaselock/error.hpp>
#include <leaselock/lock_options.hpp>

namespace leaselock {

class LockManager;

class [[nodiscard]] LEASELOCK_EXPORT ScopedDistributedLock {
  public:
    // Acquires or throws: LockNotAcquired if it is held by another and the wait, if any, is over or
    // was stopped; LockError for all else. Blocks and costs what LockManager::acquire does.
    ScopedDistributedLock(LockManager& manager, std::string_view key,
                          const LockOptions& options = {}, const std::stop_token& stop = {});
    // The same without throwing anything but bad_alloc: `ec` says why the guard holds nothing.
    ScopedDistributedLock(LockManager& manager, std::string_view key, const LockOptions& options,
                          const std::stop_token& stop, std::error_code& ec);
    ScopedDistributedLock(LockManager& manager, std::string_view key, const LockOptions& options,
                          std::error_code& ec);

    ScopedDistributedLock(const ScopedDistributedLock&) = delete;
    ScopedDistributedLock& operator=(const ScopedDistributedLock&) = delete;
    ScopedDistributedLock(ScopedDistributedLock&&) noexcept = default;
    // Releases what it held before, as the destructor does.
    ScopedDistributedLock& operator=(ScopedDistributedLock&& other) noexcept;
    // Releases. Blocks until the answer is there, at most twice the backend's command time-out.
    ~ScopedDistributedLock();

    // Whether the lock is held, by the clock: the lease, counted from before its request was sent,
    // has not ended. Does not block. False after a release and for a guard that was moved from.
    [[nodiscard]] bool owns_lock() const noexcept { return lease_ != nullptr && lease_->held(); }
    explicit operator bool() const noexcept { return owns_lock(); }

    // How long it may still be believed; 0 if it is not held. Rounded down. Does not block.
    [[nodiscard]] std::chrono::milliseconds remaining() const noexcept {
        return lease_ == nullptr ? std::chrono::milliseconds{0} : lease_->remaining();
    }

    // Throws LockLost if it is not held. Ask before what cannot be undone. Does not block.
    void ensure() const;
    // The same as a code: Errc::lost, or none.
    void ensure(std::error_code& ec) const noexcept;

    // Rises with every grant of the key; stays what it was after the lock is gone. 0 if this guard
    // never held one. Hand it to what the lock protects: only a resource that refuses older tokens
    // is safe against a holder that was paused past its lease.
    [[nodiscard]] std::uint64_t fencing_token() const noexcept {
        return lease_ == nullptr ? 0 : lease_->fencing_token();
    }

    // The key without the manager's prefix; empty if this guard never held one.
    [[nodiscard]] std::string_view key() const noexcept {
        return lease_ == nullptr ? std::string_view{} : lease_->key();
    }

    // Releases now and says what it came to. Blocks until the answer is there, at most twice the
    // backend's command time-out; one round trip. Only the first call does anything.
    ReleaseResult release() noexcept;
    // `ec` says why the result is `unknown`; it is cleared otherwise.
    ReleaseResult release(std::error_code& ec) noexcept;

  private:
    friend class LockManager;
    explicit ScopedDistributedLock(std::unique_ptr<detail::Lease> lease) noexcept
        : lease_{std::move(lease)} {}

    std::unique_ptr<detail::Lease> lease_;
};

}  // namespace leaselock

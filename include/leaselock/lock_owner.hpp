// Locks that may be entered again: an owner that holds a key acquires it once more without asking
// the store, and releases it with its last level. Ownership is this object, which is
// handed to code that may enter, and never a thread.
//
//     leaselock::LockOwner owner{locks};
//     auto outer = owner.acquire("account:1", {.wait = true});
//     auto inner = owner.acquire("account:1");  // at once; the same lease, the same fencing token
//
// A loss is a loss for all levels, since they have one lease. While one of them is left, the owner
// does not get the key again: acquire says Errc::lost. So there are never two levels with different
// leases. After the last one is released it can be acquired again.
//
// Threads of one owner share its levels: if one of them holds the key, the others enter at once. If
// one is just acquiring it, the others wait for what comes of that, as long as they would wait for
// a held lock, and not at all if they do not wait.
//
// Thread-safety: an owner is for all threads at once; an OwnedLock for one thread at a time, and
// different levels of one key for different threads at once.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <leaselock/acquired.hpp>
#include <leaselock/detail/export.hpp>
#include <leaselock/detail/requirements.hpp>
#include <leaselock/lock_manager.hpp>
#include <leaselock/lock_options.hpp>
#include <leaselock/scoped_distributed_lock.hpp>

namespace leaselock {

namespace detail {
struct OwnedKey;
class OwnedKeys;
}  // namespace detail

// One level. Move-only; the destructor releases it. May outlive its owner and its manager.
class [[nodiscard]] LEASELOCK_EXPORT OwnedLock {
  public:
    OwnedLock(const OwnedLock&) = delete;
    OwnedLock& operator=(const OwnedLock&) = delete;
    OwnedLock(OwnedLock&&) noexcept = default;
    OwnedLock& operator=(OwnedLock&& other) noexcept;
    // The last level releases the lock, without waiting.
    ~OwnedLock();

    // As those of ScopedDistributedLock, and the same for all levels until they are released. Do
    // not block.
    [[nodiscard]] bool owns_lock() const noexcept;
    explicit operator bool() const& noexcept { return owns_lock(); }
    // clang-format off
    explicit operator bool() const&& = delete;  // it would be released at once: write auto lock = ...
    // clang-format on
    [[nodiscard]] std::chrono::milliseconds remaining() const noexcept;
    [[nodiscard]] std::stop_token lost();
    void ensure() const;
    void ensure(std::error_code& ec) const noexcept;
    // 0 and empty after the release of this level.
    [[nodiscard]] std::uint64_t fencing_token() const noexcept;
    [[nodiscard]] std::string_view key() const noexcept;

    // Lets go of this level. The last one is a release as ScopedDistributedLock::release(), and
    // blocks for its answer; the others cost nothing, and answer `released`, or `lost` if the lock
    // is. `not_held` if this level was released before.
    ReleaseResult release() noexcept;
    ReleaseResult release(std::error_code& ec) noexcept;

  private:
    friend class LockOwner;
    OwnedLock(std::shared_ptr<detail::OwnedKeys> keys,
              std::shared_ptr<detail::OwnedKey> key) noexcept
        : keys_{std::move(keys)}, key_{std::move(key)} {}
    [[nodiscard]] std::optional<ScopedDistributedLock> leave() noexcept;

    std::shared_ptr<detail::OwnedKeys> keys_;
    std::shared_ptr<detail::OwnedKey> key_;  // null: released
};

class LEASELOCK_EXPORT LockOwner {
  public:
    // The manager must outlive this object. Does no I/O.
    explicit LockOwner(LockManager& manager);
    LockOwner(const LockOwner&) = delete;
    LockOwner& operator=(const LockOwner&) = delete;
    // Levels that are left hold as before.
    ~LockOwner();

    // One level more, or nothing if it is contended. The first level acquires as
    // LockManager::acquire does, and throws, blocks and costs what that does; the others do not
    // block, cost nothing, and use none of the options but `backend`. Throws LockLost if the lock
    // is lost and levels of it are left.
    [[nodiscard]] Acquired<OwnedLock> acquire(std::string_view key, const LockOptions& options = {},
                                              const std::stop_token& stop = {});
    // Throws nothing but bad_alloc: `ec` also says why the result is empty.
    [[nodiscard]] Acquired<OwnedLock> acquire(std::string_view key, const LockOptions& options,
                                              const std::stop_token& stop, std::error_code& ec);

    // How many levels of the key are held; 0: none. Does not block. Throws LockError for a backend
    // that is not known.
    [[nodiscard]] std::size_t levels(std::string_view key, std::string_view backend = {}) const;

  private:
    [[nodiscard]] OwnedLock enter(std::string_view key, const LockOptions& options,
                                  const std::stop_token& stop);
    // Throws LockError{forked}.
    void refuse_in_child() const;

    LockManager& manager_;
    const std::shared_ptr<detail::OwnedKeys> keys_;
};

}  // namespace leaselock

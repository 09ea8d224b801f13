// Several locks as one: all of them, or none.
//
//     if (auto both = leaselock::acquire_all(locks, {"account:1", "account:2"}, {.wait = true})) {
//         transfer(both->fencing_token("account:1"), ...);
//     }
//
// The keys are sorted, and acquired one after another in that order; should one fail, those before
// it are released. So two callers of acquire_all never wait in a circle for each other,
// whatever keys they name, as long as the prefixes of their managers are the same. A key
// that is named twice is taken once.
//
// Thread-safety: acquire_all for all threads at once; one guard, one thread at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

#include <leaselock/acquired.hpp>
#include <leaselock/detail/export.hpp>
#include <leaselock/detail/origin.hpp>
#include <leaselock/detail/requirements.hpp>
#include <leaselock/lock_manager.hpp>
#include <leaselock/lock_options.hpp>
#include <leaselock/scoped_distributed_lock.hpp>

namespace leaselock {

// How many keys one call may name, counted without repetitions.
inline constexpr std::size_t max_keys_at_once = 100;

// The guard of several locks. Its verbs are those of ScopedDistributedLock.
class [[nodiscard]] LEASELOCK_EXPORT ScopedLockSet {
  public:
    using Keys = std::span<const std::string_view>;
    using KeyList = std::initializer_list<std::string_view>;

    // Acquires all or throws: LockNotAcquired, whose key() is the one that is held by another, or
    // LockError, whose text names the key. invalid_option for no keys or too many,
    // granted_too_late if one was lost while others were waited for. Bad keys are refused before
    // any I/O. The options hold for each key, but for the wait, which is one for all. Blocks as
    // LockManager::acquire does for each key, with one deadline over all. Cost: one round trip for
    // each key that is free.
    [[nodiscard]] ScopedLockSet(LockManager& manager, Keys keys, const LockOptions& options = {},
                                const std::stop_token& stop = {});
    [[nodiscard]] ScopedLockSet(LockManager& manager, KeyList keys, const LockOptions& options = {},
                                const std::stop_token& stop = {});

    ScopedLockSet(const ScopedLockSet&) = delete;
    ScopedLockSet& operator=(const ScopedLockSet&) = delete;
    ScopedLockSet(ScopedLockSet&&) noexcept = default;
    ScopedLockSet& operator=(ScopedLockSet&& other) noexcept;
    // Releases in reverse order, without waiting.
    ~ScopedLockSet();

    // Whether all are held. Does not block.
    [[nodiscard]] bool owns_lock() const noexcept;
    explicit operator bool() const& noexcept { return owns_lock(); }
    // clang-format off
    explicit operator bool() const&& = delete;  // it would be released at once: write auto lock = ...
    // clang-format on
    // The least of all. Does not block.
    [[nodiscard]] std::chrono::milliseconds remaining() const noexcept;
    // Fires when the first of them is lost. Not by a release. As ScopedDistributedLock::lost().
    [[nodiscard]] std::stop_token lost();
    // Throws LockLost, which names the key, if one is not held. Does not block.
    void ensure() const;
    void ensure(std::error_code& ec) const noexcept;

    // That of one key; 0 if it is none of these. Does not block.
    [[nodiscard]] std::uint64_t fencing_token(std::string_view key) const noexcept;
    // The guards, in the order of their keys.
    [[nodiscard]] std::span<const ScopedDistributedLock> locks() const noexcept;

    // Extends each, as ScopedDistributedLock does. Throws at the first that fails; those before it
    // are extended then. One round trip for each.
    void extend(Duration ttl);

    // Releases in reverse order, and gives the worst result: unknown, lost, released; not_held if
    // that was done before. Blocks and costs what so many releases do.
    ReleaseResult release() noexcept;
    // `ec` says why one is `unknown`; it is cleared otherwise.
    ReleaseResult release(std::error_code& ec) noexcept;

  private:
    void drop() noexcept;

    std::vector<ScopedDistributedLock> locks_;
    std::stop_source lost_{std::nostopstate};
    detail::Origin origin_{};
};

// The same; nothing if one of them is contended. Throws LockError for all else.
[[nodiscard]] LEASELOCK_EXPORT Acquired<ScopedLockSet> acquire_all(
    LockManager& manager, ScopedLockSet::Keys keys, const LockOptions& options = {},
    const std::stop_token& stop = {});
[[nodiscard]] LEASELOCK_EXPORT Acquired<ScopedLockSet> acquire_all(
    LockManager& manager, ScopedLockSet::KeyList keys, const LockOptions& options = {},
    const std::stop_token& stop = {});
// Throw nothing but bad_alloc: `ec` also says why the result is empty.
[[nodiscard]] LEASELOCK_EXPORT Acquired<ScopedLockSet> acquire_all(LockManager& manager,
                                                                   ScopedLockSet::Keys keys,
                                                                   const LockOptions& options,
                                                                   const std::stop_token& stop,
                                                                   std::error_code& ec);
[[nodiscard]] LEASELOCK_EXPORT Acquired<ScopedLockSet> acquire_all(LockManager& manager,
                                                                   ScopedLockSet::KeyList keys,
                                                                   const LockOptions& options,
                                                                   const std::stop_token& stop,
                                                                   std::error_code& ec);

}  // namespace leaselock

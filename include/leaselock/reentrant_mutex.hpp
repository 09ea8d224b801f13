// A re-entrant lock as a standard TimedLockable, over a LockOwner: what that owner holds it locks
// once more, without asking the store, and each unlock() leaves one level.
//
//     leaselock::LockOwner owner{locks};
//     leaselock::ReentrantMutex account{owner, "account:1"};
//     std::scoped_lock outer{account};
//     transfer(account);  // locks it again
//
// Ownership is the owner's, and no thread's: hand an owner to each thread, or request, that is to
// be one for itself. All threads that share an owner come in together.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <leaselock/detail/export.hpp>
#include <leaselock/detail/kept_options.hpp>
#include <leaselock/detail/origin.hpp>
#include <leaselock/detail/requirements.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/lock_options.hpp>
#include <leaselock/lock_owner.hpp>

namespace leaselock {

class LEASELOCK_EXPORT ReentrantMutex {
  public:
    // `wait` and `wait_timeout` of the options are not used. The owner must outlive this object.
    // Does no I/O; wrong input shows at the first call.
    ReentrantMutex(LockOwner& owner, std::string_view key, const LockOptions& options = {});
    ReentrantMutex(const ReentrantMutex&) = delete;
    ReentrantMutex& operator=(const ReentrantMutex&) = delete;
    // Lets go of all levels that are left.
    ~ReentrantMutex() = default;

    // One level more. Blocks until the owner has it, for ever if need be; false if `stop` was
    // requested. Throw LockError, and LockLost if the lock is lost and levels of it are left.
    void lock();
    [[nodiscard]] bool lock(const std::stop_token& stop);
    // False if another owner holds it, until the time is over.
    [[nodiscard]] bool try_lock() { return lock_within(std::chrono::milliseconds{0}, {}); }
    template <class Rep, class Period>
    [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> time) {
        return lock_within(std::max(Duration{time}, Duration{std::chrono::milliseconds{0}}), {});
    }
    template <class AnyClock, class AnyDuration>
    [[nodiscard]] bool try_lock_until(std::chrono::time_point<AnyClock, AnyDuration> time) {
        return try_lock_for(time - AnyClock::now());
    }

    // Lets go of the newest level; the last one sends the release, and does not wait for its
    // answer. Never throws. Does nothing if there is none.
    void unlock() noexcept;

    // How many levels were locked by this object. Does not block.
    [[nodiscard]] std::size_t levels() const;
    // Of the lock; LockLost and 0 if there is no level. Do not block.
    void ensure() const;
    [[nodiscard]] std::uint64_t fencing_token() const;
    [[nodiscard]] const std::string& key() const noexcept { return key_; }

  private:
    [[nodiscard]] bool lock_within(Duration time, const std::stop_token& stop);

    LockOwner& owner_;
    const std::string key_;
    const detail::KeptOptions options_;
    const detail::Origin origin_{};

    mutable detail::Mutex mutex_;
    // Nothing is destroyed under the mutex.
    detail::AtHome<std::vector<OwnedLock>> levels_ LEASELOCK_GUARDED_BY(mutex_){};
};

}  // namespace leaselock

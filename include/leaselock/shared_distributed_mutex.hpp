// A named lock as a standard SharedTimedMutex: many readers or one writer, for std::unique_lock,
// std::shared_lock, std::scoped_lock.
//
//     leaselock::SharedDistributedMutex catalogue{locks, "catalogue"};
//     std::shared_lock reading{catalogue};
//
// Readers and writers are served in the order in which they came, so neither side starves. Each
// reader has a lease of its own: one that dies holds up writers until it ends, and nobody else. The
// writers of one object take turns, as with a DistributedMutex; its readers come in side by side.
//
// As any mutex it is not recursive in either way, and is unlocked by the thread that locked it. The
// lock ends at its ttl: ask ensure() before what cannot be undone.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <thread>

#include <leaselock/detail/export.hpp>
#include <leaselock/detail/kept_options.hpp>
#include <leaselock/detail/origin.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/distributed_mutex.hpp>
#include <leaselock/lock_manager.hpp>
#include <leaselock/lock_options.hpp>
#include <leaselock/scoped_distributed_lock.hpp>

namespace leaselock {

class LEASELOCK_EXPORT LEASELOCK_CAPABILITY("shared_mutex") SharedDistributedMutex {
  public:
    // `share`, `wait` and `wait_timeout` of the options are not used: each call says how much it
    // takes, and how it waits. The manager must outlive this object. Does no I/O; wrong input shows
    // at the first call.
    SharedDistributedMutex(LockManager& manager, std::string_view key,
                           const LockOptions& options = {});
    SharedDistributedMutex(const SharedDistributedMutex&) = delete;
    SharedDistributedMutex& operator=(const SharedDistributedMutex&) = delete;
    ~SharedDistributedMutex() = default;

    // The writers' side: see DistributedMutex. A thread that has it as a reader must not wait for
    // itself: throws std::system_error{resource_deadlock_would_occur}, but for try_lock(), which
    // finds it held.
    void lock() LEASELOCK_ACQUIRE();
    [[nodiscard]] bool try_lock() LEASELOCK_TRY_ACQUIRE(true);
    template <class Rep, class Period>
    [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> time)
        LEASELOCK_TRY_ACQUIRE(true) LEASELOCK_UNCHECKED {
        refuse_readers();
        return writer_.try_lock_for(time);
    }
    template <class AnyClock, class AnyDuration>
    [[nodiscard]] bool try_lock_until(std::chrono::time_point<AnyClock, AnyDuration> time)
        LEASELOCK_TRY_ACQUIRE(true) {
        return try_lock_for(time - AnyClock::now());
    }
    // Does nothing on a thread that does not write.
    void unlock() noexcept LEASELOCK_RELEASE();

    // The readers' side. Blocks until it is acquired, for ever if need be. Throws LockError, and
    // std::system_error{resource_deadlock_would_occur} if this thread has it, in either way.
    void lock_shared() LEASELOCK_ACQUIRE_SHARED();
    // Does not wait; false if it is held or waited for by a writer, or held by this thread. Throws
    // LockError.
    [[nodiscard]] bool try_lock_shared() LEASELOCK_TRY_ACQUIRE_SHARED(true);
    // False if it is held until the time is over. Throws as lock_shared() does. Blocks as
    // LockManager::acquire does. Any clock will do; it is asked once.
    template <class Rep, class Period>
    [[nodiscard]] bool try_lock_shared_for(std::chrono::duration<Rep, Period> time)
        LEASELOCK_TRY_ACQUIRE_SHARED(true) {
        return share_within(std::max(Duration{time}, Duration{std::chrono::milliseconds{0}}));
    }
    template <class AnyClock, class AnyDuration>
    [[nodiscard]] bool try_lock_shared_until(std::chrono::time_point<AnyClock, AnyDuration> time)
        LEASELOCK_TRY_ACQUIRE_SHARED(true) {
        return try_lock_shared_for(time - AnyClock::now());
    }
    // Does not block, and never throws. Does nothing on a thread that does not read.
    void unlock_shared() noexcept LEASELOCK_RELEASE_SHARED();

    // The writer of this thread becomes a reader; nobody writes in between. Blocks and costs as
    // ScopedDistributedLock::downgrade. Throws LockLost if this thread does not write, or has lost
    // the lock: then it unlocks as a writer. If the backend does not answer it is a reader, and
    // others come in at the next renewal.
    void unlock_and_lock_shared() LEASELOCK_RELEASE() LEASELOCK_ACQUIRE_SHARED();

    // Of the lock that this thread has, in either way: on a thread that has none ensure() throws
    // LockLost, and fencing_token() is 0. Do not block.
    void ensure() const;
    [[nodiscard]] std::uint64_t fencing_token() const;

  private:
    using Readers = std::map<std::thread::id, ScopedDistributedLock>;

    [[nodiscard]] bool share_within(Duration time) LEASELOCK_UNCHECKED;
    [[nodiscard]] bool reads() const;
    void refuse_readers() const;

    LockManager& manager_;
    const std::string key_;
    const detail::KeptOptions options_;
    DistributedMutex writer_;

    mutable detail::Mutex mutex_;
    // Nothing is destroyed under the mutex.
    detail::AtHome<Readers> readers_ LEASELOCK_GUARDED_BY(mutex_){};
};

}  // namespace leaselock

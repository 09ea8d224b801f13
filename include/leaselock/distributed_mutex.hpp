// A named lock as a standard TimedLockable: for std::unique_lock, std::scoped_lock, std::lock. One
// object is a mutex for the threads of this process too: they take turns, and one of them contends
// for the lock.
//
//     leaselock::DistributedMutex a{locks, "account:1"}, b{locks, "account:2"};
//     std::scoped_lock both{a, b};
//
// As any mutex it is not recursive, and is unlocked by the thread that locked it: to every other
// thread ensure(), fencing_token() and unlock() answer that it does not hold the mutex. The lock
// ends at its ttl: ask ensure() before what cannot be undone. Its copy in a child process
// (leaselock/copies.hpp) is nobody's, and lock() throws LockError{forked}.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include <leaselock/clock.hpp>
#include <leaselock/detail/export.hpp>
#include <leaselock/detail/kept_options.hpp>
#include <leaselock/detail/origin.hpp>
#include <leaselock/detail/requirements.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/lock_manager.hpp>
#include <leaselock/lock_options.hpp>
#include <leaselock/scoped_distributed_lock.hpp>

namespace leaselock {

class LEASELOCK_EXPORT LEASELOCK_CAPABILITY("mutex") DistributedMutex {
  public:
    // `wait` and `wait_timeout` of the options are not used: each call says how it waits. The
    // manager must outlive this object. Does no I/O; wrong input shows at the first call.
    DistributedMutex(LockManager& manager, std::string_view key, const LockOptions& options = {});
    DistributedMutex(const DistributedMutex&) = delete;
    DistributedMutex& operator=(const DistributedMutex&) = delete;
    ~DistributedMutex() = default;

    // Blocks until it is acquired, for ever if need be. Throws LockError, and std::system_error
    // {resource_deadlock_would_occur} if this thread holds it.
    void lock() LEASELOCK_ACQUIRE();
    // The same until `stop` is requested; false then.
    [[nodiscard]] bool lock(const std::stop_token& stop) LEASELOCK_TRY_ACQUIRE(true);
    // Does not wait; false if it is held, by this thread too. Throws LockError.
    [[nodiscard]] bool try_lock() LEASELOCK_TRY_ACQUIRE(true);

    // False if it is held until the time is over. Throws as lock() does. Blocks as
    // LockManager::acquire does. Any clock will do; it is asked once.
    template <class Rep, class Period>
    [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> time)
        LEASELOCK_TRY_ACQUIRE(true) {
        return lock_within(std::max(Duration{time}, Duration{std::chrono::milliseconds{0}}));
    }
    template <class AnyClock, class AnyDuration>
    [[nodiscard]] bool try_lock_until(std::chrono::time_point<AnyClock, AnyDuration> time)
        LEASELOCK_TRY_ACQUIRE(true) {
        return try_lock_for(time - AnyClock::now());
    }

    // As the fenced locks of Hazelcast: the fencing token, which rises with every grant; 0 if it is
    // not acquired. Throw as lock() and try_lock().
    [[nodiscard]] std::uint64_t lock_and_get_fence() LEASELOCK_ACQUIRE();
    [[nodiscard]] std::uint64_t try_lock_and_get_fence() LEASELOCK_UNCHECKED;

    // Sends the release, and does not wait for its answer; never throws. Does nothing on a thread
    // that does not hold the mutex: the holder keeps it.
    void unlock() noexcept LEASELOCK_RELEASE();

    // Whether this thread holds the lock: throws LockLost if the lock is lost, and on a thread that
    // does not hold the mutex, whichever thread does. Do not block.
    void ensure() const;
    // Of the lock that this thread holds; 0 on a thread that does not hold the mutex, so a
    // FenceGuard refuses what is written after unlock().
    [[nodiscard]] std::uint64_t fencing_token() const noexcept;
    // How long it may still be believed; 0 on a thread that does not hold the mutex.
    [[nodiscard]] std::chrono::milliseconds remaining() const noexcept;
    // Fires when the lock that this thread holds is lost: see ScopedDistributedLock::lost(). On a
    // thread that does not hold the mutex: one that has fired.
    [[nodiscard]] std::stop_token lost();

    [[nodiscard]] const std::string& key() const noexcept { return key_; }
    // Whether anybody holds the lock, in any process. Informational, as
    // LockManager::inspect, which it is: one round trip, and maybe out of date. Throws
    // LockError.
    [[nodiscard]] bool is_locked();

  private:
    friend class SharedDistributedMutex;
    [[nodiscard]] bool is_in_child() const noexcept { return origin_.is_in_child(); }
    // Throws LockError{forked}.
    void refuse_in_child() const;
    // Whether this thread has it, or is acquiring it.
    [[nodiscard]] bool is_mine() const noexcept;
    // Unlocks it, and gives the lock, which is a reader's now. Throws LockLost; then it is locked
    // as before.
    [[nodiscard]] ScopedDistributedLock downgrade();
    [[nodiscard]] bool lock_within(Duration time,
                                   const std::stop_token& stop = {}) LEASELOCK_UNCHECKED;
    // Takes the turn among the threads of this process.
    [[nodiscard]] bool take_turn(Clock& clock, Clock::time_point until,
                                 const std::stop_token& stop);
    [[nodiscard]] bool take_free_turn() noexcept LEASELOCK_REQUIRES(mutex_);
    void give_turn() noexcept;

    LockManager& manager_;
    const std::string key_;
    const detail::KeptOptions options_;
    const detail::Origin origin_{};

    mutable detail::Mutex mutex_;
    // Threads that wait for their turn, in order.
    detail::AtHome<std::list<Waker*>> waiting_ LEASELOCK_GUARDED_BY(mutex_);
    // Written with mutex_ held. Read without it to compare with the calling thread only, which
    // finds itself here only if it has written itself.
    std::atomic<std::thread::id> owner_{};
    // Touched only by the thread that is the owner.
    std::optional<ScopedDistributedLock> held_;
};

}  // namespace leaselock

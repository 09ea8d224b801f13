// Clang's thread-safety attributes and a mutex that carries them, so that `-Wthread-safety` proves
// which member needs which lock. Other compilers see nothing of it. libstdc++'s own std::mutex has
// no attributes, hence the wrapper; it costs nothing.
//
// Thread-safety: Mutex and Condition are for all threads; a MutexLock or MutexUnlock belongs
// to one.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include <leaselock/detail/origin.hpp>

#if defined(__clang__)
#define LEASELOCK_ATTRIBUTE(x) __attribute__((x))
#else
#define LEASELOCK_ATTRIBUTE(x)
#endif

#define LEASELOCK_CAPABILITY(x) LEASELOCK_ATTRIBUTE(capability(x))
#define LEASELOCK_SCOPED_CAPABILITY LEASELOCK_ATTRIBUTE(scoped_lockable)
#define LEASELOCK_GUARDED_BY(x) LEASELOCK_ATTRIBUTE(guarded_by(x))
#define LEASELOCK_REQUIRES(...) LEASELOCK_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define LEASELOCK_EXCLUDES(...) LEASELOCK_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define LEASELOCK_ACQUIRE(...) LEASELOCK_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define LEASELOCK_RELEASE(...) LEASELOCK_ATTRIBUTE(release_capability(__VA_ARGS__))
#define LEASELOCK_TRY_ACQUIRE(...) LEASELOCK_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define LEASELOCK_ACQUIRE_SHARED(...) LEASELOCK_ATTRIBUTE(acquire_shared_capability(__VA_ARGS__))
#define LEASELOCK_RELEASE_SHARED(...) LEASELOCK_ATTRIBUTE(release_shared_capability(__VA_ARGS__))
#define LEASELOCK_TRY_ACQUIRE_SHARED(...) \
    LEASELOCK_ATTRIBUTE(try_acquire_shared_capability(__VA_ARGS__))
#define LEASELOCK_UNCHECKED LEASELOCK_ATTRIBUTE(no_thread_safety_analysis)

namespace leaselock::detail {

class LEASELOCK_CAPABILITY("mutex") Mutex {
  public:
    void lock() LEASELOCK_ACQUIRE() { mutex_.lock(); }
    void unlock() LEASELOCK_RELEASE() { mutex_.unlock(); }

  private:
    friend class Condition;
    std::mutex mutex_;
};

// A condition variable for a Mutex. Wake-ups may be spurious. Its copy in a child is not destroyed:
// that would wait for those who were waiting, who are not there.
class Condition {
  public:
    void wait(Mutex& mutex) LEASELOCK_REQUIRES(mutex) {
        std::unique_lock lock{mutex.mutex_, std::adopt_lock};
        condition_->wait(lock);
        lock.release();
    }
    void wait_for(Mutex& mutex, std::chrono::nanoseconds time) LEASELOCK_REQUIRES(mutex) {
        std::unique_lock lock{mutex.mutex_, std::adopt_lock};
        condition_->wait_for(lock, time);
        lock.release();
    }
    void notify_one() noexcept { condition_->notify_one(); }
    void notify_all() noexcept { condition_->notify_all(); }

  private:
    AtHome<std::condition_variable> condition_;
};

// Of a Mutex, or a WordMutex.
template <class Lockable>
class LEASELOCK_SCOPED_CAPABILITY MutexLock {
  public:
    explicit MutexLock(Lockable& mutex) LEASELOCK_ACQUIRE(mutex) : mutex_{mutex} { mutex_.lock(); }
    ~MutexLock() LEASELOCK_RELEASE() { mutex_.unlock(); }
    MutexLock(const MutexLock&) = delete;
    MutexLock& operator=(const MutexLock&) = delete;

  private:
    Lockable& mutex_;
};

// The other way round: unlocked for a scope, for I/O in the middle of a function that holds it.
template <class Lockable>
class LEASELOCK_SCOPED_CAPABILITY MutexUnlock {
  public:
    explicit MutexUnlock(Lockable& mutex) LEASELOCK_RELEASE(mutex) : mutex_{mutex} {
        mutex_.unlock();
    }
    // Clang's word for "the other of what the constructor did".
    ~MutexUnlock() LEASELOCK_RELEASE() { mutex_.lock(); }
    MutexUnlock(const MutexUnlock&) = delete;
    MutexUnlock& operator=(const MutexUnlock&) = delete;

  private:
    Lockable& mutex_;
};

}  // namespace leaselock::detail

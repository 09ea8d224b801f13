// Clang's thread-safety attributes and a mutex that carries them, so that `-Wthread-safety` proves
// which member needs which lock. Other compilers see nothing of it. libstdc++'s own std::mutex has
// no attributes, hence the wrapper; it costs nothing.
//
// Thread-safety: Mutex is one; MutexLock belongs to one thread.
#pragma once

#include <condition_variable>
#include <mutex>

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
#define LEASELOCK_UNCHECKED LEASELOCK_ATTRIBUTE(no_thread_safety_analysis)

namespace leaselock::detail {

class LEASELOCK_CAPABILITY("mutex") Mutex {
  public:
    void lock() LEASELOCK_ACQUIRE() { mutex_.lock(); }
    void unlock() LEASELOCK_RELEASE() { mutex_.unlock(); }

  private:
    std::mutex mutex_;
};

class LEASELOCK_SCOPED_CAPABILITY MutexLock {
  public:
    explicit MutexLock(Mutex& mutex) LEASELOCK_ACQUIRE(mutex) : mutex_{mutex} { mutex_.lock(); }
    ~MutexLock() LEASELOCK_RELEASE() { mutex_.unlock(); }
    MutexLock(const MutexLock&) = delete;
    MutexLock& operator=(const MutexLock&) = delete;

  private:
    Mutex& mutex_;
};

}  // namespace leaselock::detail

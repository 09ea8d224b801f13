// A number of permits, of which each holder takes one or some: at most so many do something at
// once.
//
//     leaselock::DistributedSemaphore downloads{locks, "downloads", 8};
//     if (auto permits = downloads.acquire(2)) fetch(*permits);
//
// What is acquired is a lock as any other, whose fencing token is its id: it has a lease, which is
// renewed, may be lost, and ends by itself when its holder dies, whatever others hold. Permits are
// given in the order in which they were asked for: a request for many is not passed by requests
// for few.
//
// The number of permits is what the first holder says, for as long as one is held; a call with
// another number meanwhile is refused with Errc::conflicting_use. So the number can be changed
// when nobody holds any, and never while it counts.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <leaselock/acquired.hpp>
#include <leaselock/async.hpp>
#include <leaselock/claim.hpp>
#include <leaselock/detail/export.hpp>
#include <leaselock/detail/kept_options.hpp>
#include <leaselock/detail/requirements.hpp>
#include <leaselock/lock_manager.hpp>
#include <leaselock/lock_options.hpp>
#include <leaselock/scoped_distributed_lock.hpp>

namespace leaselock {

class LEASELOCK_EXPORT DistributedSemaphore {
  public:
    // 1 to 10'000 permits: throws LockError{invalid_option} for others. An acquire waits for ever,
    // unless `options` say how long; their `share` is not used. The manager must outlive this
    // object. Does no I/O; other wrong input shows at the first call.
    DistributedSemaphore(LockManager& manager, std::string_view key, int permits,
                         const LockOptions& options = {});
    DistributedSemaphore(const DistributedSemaphore&) = delete;
    DistributedSemaphore& operator=(const DistributedSemaphore&) = delete;
    ~DistributedSemaphore() = default;

    [[nodiscard]] int permits() const noexcept { return permits_; }

    // All of `count` permits, 1 to permits(), or nothing: the wait is over, or `stop` was
    // requested. Throws LockError, blocks and costs as LockManager::acquire does; and LockError
    // {conflicting_use} if the key has another number of permits now.
    [[nodiscard]] Acquired<ScopedDistributedLock> acquire(int count = 1,
                                                          const std::stop_token& stop = {}) {
        return manager_.acquire(key_, of(count, options_.waiting()), stop);
    }
    // Throws nothing but bad_alloc: `ec` also says why the result is empty.
    [[nodiscard]] Acquired<ScopedDistributedLock> acquire(int count, const std::stop_token& stop,
                                                          std::error_code& ec) {
        return manager_.acquire(key_, of(count, options_.waiting()), stop, ec);
    }
    // The same without waiting. It does not overtake waiters.
    [[nodiscard]] Acquired<ScopedDistributedLock> try_acquire(int count = 1) {
        return manager_.try_acquire(key_, of(count, options_.value()));
    }
    [[nodiscard]] Acquired<ScopedDistributedLock> try_acquire(int count, std::error_code& ec) {
        return manager_.try_acquire(key_, of(count, options_.value()), ec);
    }

    // acquire without a thread that blocks: see <leaselock/async.hpp>.
    [[nodiscard]] AcquireAwaitable async_acquire(int count = 1, std::stop_token stop = {}) {
        return manager_.async_acquire(key_, of(count, options_.waiting()), std::move(stop));
    }
    [[nodiscard]] AcquireAwaitable async_acquire(int count, std::stop_token stop,
                                                 std::error_code& ec) {
        return manager_.async_acquire(key_, of(count, options_.waiting()), std::move(stop), ec);
    }

    // How many are free now. Informational, as LockManager::inspect, which it is: the answer may
    // be out of date when it arrives. 0 if somebody has all of the key. Throws LockError:
    // conflicting_use if there is another number of permits now.
    [[nodiscard]] int available();
    [[nodiscard]] int available(std::error_code& ec);

  private:
    [[nodiscard]] LockOptions of(int count, LockOptions options) const noexcept {
        options.share = {count, permits_};
        return options;
    }
    [[nodiscard]] int free_of(const LockInfo& info, std::error_code& ec) const noexcept;

    LockManager& manager_;
    const std::string key_;
    const int permits_;
    const detail::KeptOptions options_;
};

}  // namespace leaselock

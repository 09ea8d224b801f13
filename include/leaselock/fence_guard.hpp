// The resource-side check of fencing tokens: what the lock protects remembers the newest token that
// it has seen and refuses older ones. So a holder that was paused past its lease, and believes in a
// lock that somebody else has, cannot do harm.
//
//     leaselock::FenceGuard fence;                                     // one for each resource
//     fence.run(lock.fencing_token(), [&] { document.text = text; });  // or throws LockLost
//
// Show it the token before a read whose result will be written back, too: from then on an older
// holder cannot change what was read.
//
// It belongs where the resource is, in the process that owns it. Where several processes write, the
// check has to be part of the write itself: docs/guide/fencing.md has it for Redis and for SQL.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <cstdint>
#include <functional>
#include <system_error>
#include <utility>

#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/error.hpp>

namespace leaselock {

class FenceGuard {
  public:
    // No backend gives a higher one; Lua and JSON keep it exact.
    static constexpr std::uint64_t max_token = (std::uint64_t{1} << 53) - 1;

    // `newest` is what newest() said when the resource was last stored; 0: no token was seen yet.
    explicit FenceGuard(std::uint64_t newest = 0) noexcept : newest_{newest} {}

    // Whether `token` is admitted: it is not older than the newest, which it then is. The same
    // token again is the same holder, and admitted. Refused are older ones, 0, which is no token,
    // and what is above max_token, which would shut all others out. Does not block but for the
    // others' run().
    //
    // After the answer a later holder may come at any time. run() is for what must not mix.
    [[nodiscard]] bool admit(std::uint64_t token) LEASELOCK_EXCLUDES(mutex_) {
        const detail::MutexLock lock{mutex_};
        return admit_locked(token);
    }

    // The same, but throws LockLost{fenced_off} where admit() says false.
    void ensure(std::uint64_t token) LEASELOCK_EXCLUDES(mutex_) {
        const detail::MutexLock lock{mutex_};
        ensure_locked(token);
    }
    // The same as a code: Errc::fenced_off, or none.
    void ensure(std::uint64_t token, std::error_code& ec) LEASELOCK_EXCLUDES(mutex_) {
        ec = admit(token) ? std::error_code{} : make_error_code(Errc::fenced_off);
    }

    // Runs `function()` if the token is admitted, and gives its result: check and function are one
    // step, no other token is admitted before it returns. Throws LockLost{fenced_off}; the function
    // is not run then. What the function throws passes through, and the token stays admitted.
    // Blocks while another thread is in run(). The function must not call this guard.
    template <class Function>
    decltype(auto) run(std::uint64_t token, Function&& function) LEASELOCK_EXCLUDES(mutex_) {
        const detail::MutexLock lock{mutex_};
        ensure_locked(token);
        return std::invoke(std::forward<Function>(function));
    }

    // The newest token that was admitted; store it beside the resource.
    [[nodiscard]] std::uint64_t newest() const LEASELOCK_EXCLUDES(mutex_) {
        const detail::MutexLock lock{mutex_};
        return newest_;
    }

  private:
    bool admit_locked(std::uint64_t token) LEASELOCK_REQUIRES(mutex_) {
        if (token == 0 || token < newest_ || token > max_token) return false;
        newest_ = token;
        return true;
    }
    void ensure_locked(std::uint64_t token) LEASELOCK_REQUIRES(mutex_) {
        if (!admit_locked(token)) throw LockLost{token, newest_};
    }

    mutable detail::Mutex mutex_;
    std::uint64_t newest_ LEASELOCK_GUARDED_BY(mutex_);
};

}  // namespace leaselock

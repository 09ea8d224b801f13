// Locks for coroutines and callbacks: no thread is blocked while a lock is waited for.
//
//     auto lock = co_await locks.async_acquire("task:42", {.wait = true});
//     auto lock = co_await locks.async_acquire("task:42", {.wait = true}).resume_on(loop);
//     co_await lock->async_release();
//
// A coroutine goes on where resume_on() says: `loop` is anything that can be called with a
// std::coroutine_handle<>, and sees to it that it is resumed. Without it, and for callbacks, that
// is a thread which the manager keeps for this, one for all of its coroutines: one that blocks
// there holds up the others, though no renewal and no loss. Never DISTRIBUTED_LOCK or another call
// that waits for a lock there.
//
// A wait is ended by its stop token within 50 ms, also while a command is not answered. A coroutine
// that waits may be destroyed: what it waited for is given up, and a lock that is granted meanwhile
// is released. As with everything that is awaited, it is not to be destroyed while another thread
// resumes it.
//
// When the manager is destroyed, waits end with Errc::cancelled.
//
// Thread-safety: an awaitable belongs to its coroutine; async_acquire may be called from all
// threads at once.
#pragma once

#include <coroutine>
#include <memory>
#include <new>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <leaselock/acquired.hpp>
#include <leaselock/claim.hpp>
#include <leaselock/detail/export.hpp>
#include <leaselock/detail/lease_ptr.hpp>
#include <leaselock/detail/requirements.hpp>
#include <leaselock/error.hpp>
#include <leaselock/lock_manager.hpp>
#include <leaselock/lock_options.hpp>
#include <leaselock/scoped_distributed_lock.hpp>

namespace leaselock {

namespace detail {

class AcquireTask;
class ReleaseTask;
struct Failure;

// Where something that was awaited goes on; run(context, what).
struct AsyncNext {
    void (*run)(void* context, void* what);
    void* context;
    void* what;
};

[[nodiscard]] inline AsyncNext resume_here(std::coroutine_handle<> waiting) noexcept {
    return {[](void*, void* frame) { std::coroutine_handle<>::from_address(frame).resume(); },
            nullptr, waiting.address()};
}
template <class Executor>
void resume_there(void* executor, void* frame) {
    (*static_cast<Executor*>(executor))(std::coroutine_handle<>::from_address(frame));
}

// An awaitable that is awaited by another name: g++ 12 copies what is awaited by a reference.
template <class Awaitable>
class [[nodiscard]] Redirected {
  public:
    explicit Redirected(Awaitable& awaitable) noexcept : awaitable_{awaitable} {}
    Redirected(const Redirected&) = delete;
    Redirected& operator=(const Redirected&) = delete;
    ~Redirected() = default;

    [[nodiscard]] bool await_ready() const noexcept { return awaitable_.await_ready(); }
    bool await_suspend(std::coroutine_handle<> waiting) {
        return awaitable_.await_suspend(waiting);
    }
    auto await_resume() { return awaitable_.await_resume(); }

  private:
    Awaitable& awaitable_;
};

// An acquisition of which somebody will take the result.
class LEASELOCK_EXPORT AsyncAcquire {
  public:
    // May throw bad_alloc.
    AsyncAcquire(const std::shared_ptr<Core>& core, std::string_view key, Claim claim,
                 const LockOptions& options, std::stop_token stop);
    AsyncAcquire(const AsyncAcquire&) = delete;
    AsyncAcquire& operator=(const AsyncAcquire&) = delete;
    ~AsyncAcquire();

    [[nodiscard]] bool refused() const noexcept { return refused_ != nullptr; }
    // Once. False: the result is there already, and `next` does not run. May throw bad_alloc.
    [[nodiscard]] bool start(const AsyncNext& next);
    // Once, when the result is there: the lock; or of a latch, whether it is open. Throw LockError,
    // but not of contention, where `ec` is null.
    [[nodiscard]] Acquired<ScopedDistributedLock> take_lock(std::error_code* ec);
    [[nodiscard]] bool take_grant(std::error_code* ec);

  private:
    [[nodiscard]] bool take(LeasePtr& lease, std::error_code* ec, Failure& failure);

    AcquireTask* task_ = nullptr;
    Failure* refused_ = nullptr;
};

// One that ends in a callback, and then is no more.
template <class Callback>
class CallbackAcquire {
  public:
    CallbackAcquire(const std::shared_ptr<Core>& core, std::string_view key,
                    const LockOptions& options, std::stop_token stop, Callback callback)
        : acquire_{core, key, options.share, options, std::move(stop)},
          callback_{std::move(callback)} {}

    static void start(std::unique_ptr<CallbackAcquire> self) {
        CallbackAcquire* const what = self.get();
        const bool waits = what->acquire_.start({finish, nullptr, what});
        (void)self.release();
        if (!waits) finish(nullptr, what);
    }

  private:
    static void finish(void*, void* what) {
        const std::unique_ptr<CallbackAcquire> self{static_cast<CallbackAcquire*>(what)};
        std::error_code ec;
        Acquired<ScopedDistributedLock> lock;
        try {
            lock = self->acquire_.take_lock(&ec);
        } catch (const std::bad_alloc&) {
            ec = Errc::out_of_memory;
        }
        self->callback_(std::move(lock), ec);
    }

    AsyncAcquire acquire_;
    Callback callback_;
};

// What is awaited of an acquisition, whatever is asked.
class AcquireWait {
  public:
    AcquireWait(const AcquireWait&) = delete;
    AcquireWait& operator=(const AcquireWait&) = delete;

    [[nodiscard]] bool await_ready() const noexcept { return acquire_.refused(); }
    bool await_suspend(std::coroutine_handle<> waiting) {
        if (resume_ == nullptr) return acquire_.start(resume_here(waiting));
        return acquire_.start({resume_, executor_, waiting.address()});
    }

  protected:
    AcquireWait(const std::shared_ptr<Core>& core, std::string_view key, Claim claim,
                const LockOptions& options, std::stop_token stop, std::error_code* ec)
        : acquire_{core, key, claim, options, std::move(stop)}, ec_{ec} {}
    ~AcquireWait() = default;

    template <class Executor>
    void resume_by(Executor& executor) noexcept {
        resume_ = resume_there<Executor>;
        executor_ = &executor;
    }

    AsyncAcquire acquire_;
    std::error_code* ec_;

  private:
    void (*resume_)(void* executor, void* frame) = nullptr;
    void* executor_ = nullptr;
};

}  // namespace detail

// What LockManager::async_acquire gives: to be awaited at once, and only once. Its co_await gives
// what LockManager::acquire returns, and throws what that throws, or gives it by the error code.
// Nothing is sent before.
class [[nodiscard]] LEASELOCK_EXPORT AcquireAwaitable : public detail::AcquireWait {
  public:
    // The coroutine goes on by executor(std::coroutine_handle<>), which must not throw, is called
    // on the manager's thread, and outlives the wait. Neither does it run if nothing has to be
    // waited for.
    template <class Executor>
    [[nodiscard]] detail::Redirected<AcquireAwaitable> resume_on(Executor& executor) && noexcept {
        resume_by(executor);
        return detail::Redirected<AcquireAwaitable>{*this};
    }
    [[nodiscard]] Acquired<ScopedDistributedLock> await_resume() { return acquire_.take_lock(ec_); }

  private:
    friend class LockManager;
    AcquireAwaitable(const std::shared_ptr<detail::Core>& core, std::string_view key,
                     const LockOptions& options, std::stop_token stop, std::error_code* ec)
        : AcquireWait{core, key, options.share, options, std::move(stop), ec} {}
};

// What LockManager::async_guard gives: to be awaited at once, and only once. Its co_await gives the
// guard, or throws LockNotAcquired, or LockError. Nothing is sent before.
class [[nodiscard]] LEASELOCK_EXPORT GuardAwaitable : public detail::AcquireWait {
  public:
    // See AcquireAwaitable.
    template <class Executor>
    [[nodiscard]] detail::Redirected<GuardAwaitable> resume_on(Executor& executor) && noexcept {
        resume_by(executor);
        return detail::Redirected<GuardAwaitable>{*this};
    }
    [[nodiscard]] ScopedDistributedLock await_resume() { return acquire_.take_lock(ec_).value(); }

  private:
    friend class LockManager;
    GuardAwaitable(const std::shared_ptr<detail::Core>& core, std::string_view key,
                   const LockOptions& options, std::stop_token stop)
        : AcquireWait{core, key, options.share, options, std::move(stop), nullptr} {}
};

// What CountDownLatch::async_wait gives: to be awaited at once, and only once. Its co_await gives
// whether the latch is open, as CountDownLatch::wait does, and throws what that throws, or gives it
// by the error code. Nothing is held, and nothing is sent before.
class [[nodiscard]] LEASELOCK_EXPORT LatchAwaitable : public detail::AcquireWait {
  public:
    // See AcquireAwaitable.
    template <class Executor>
    [[nodiscard]] detail::Redirected<LatchAwaitable> resume_on(Executor& executor) && noexcept {
        resume_by(executor);
        return detail::Redirected<LatchAwaitable>{*this};
    }
    bool await_resume() { return acquire_.take_grant(ec_); }

  private:
    friend class CountDownLatch;
    using AcquireWait::AcquireWait;
};

// What ScopedDistributedLock::async_release gives: to be awaited at once. Its co_await gives what
// release() returns. A coroutine that is destroyed meanwhile leaves the release under way.
class [[nodiscard]] LEASELOCK_EXPORT ReleaseAwaitable {
  public:
    ReleaseAwaitable(const ReleaseAwaitable&) = delete;
    ReleaseAwaitable& operator=(const ReleaseAwaitable&) = delete;
    ~ReleaseAwaitable();

    // See AcquireAwaitable.
    template <class Executor>
    [[nodiscard]] detail::Redirected<ReleaseAwaitable> resume_on(Executor& executor) && noexcept {
        resume_ = detail::resume_there<Executor>;
        executor_ = &executor;
        return detail::Redirected<ReleaseAwaitable>{*this};
    }

    [[nodiscard]] bool await_ready() const noexcept { return task_ == nullptr; }
    bool await_suspend(std::coroutine_handle<> waiting) {
        if (resume_ == nullptr) return start(detail::resume_here(waiting));
        return start({resume_, executor_, waiting.address()});
    }
    ReleaseResult await_resume() noexcept;

  private:
    friend class ScopedDistributedLock;
    // `lease` is null if there is none.
    ReleaseAwaitable(detail::LeasePtr lease, std::error_code* ec);
    [[nodiscard]] bool start(const detail::AsyncNext& next);

    detail::ReleaseTask* task_ = nullptr;
    std::error_code* ec_;
    void (*resume_)(void* executor, void* frame) = nullptr;
    void* executor_ = nullptr;
};

template <class Callback>
requires std::is_invocable_v<Callback&, Acquired<ScopedDistributedLock>, std::error_code>
void LockManager::async_acquire(std::string_view key, const LockOptions& options,
                                std::stop_token stop, Callback callback) {
    using Acquire = detail::CallbackAcquire<Callback>;
    Acquire::start(
        std::make_unique<Acquire>(core_, key, options, std::move(stop), std::move(callback)));
}

}  // namespace leaselock

#include <leaselock/async.hpp>

#include "faces/async_tasks.hpp"

namespace leaselock {
namespace detail {
namespace {

Reactor::Continuation continuation(const AsyncNext& next) noexcept {
    return {next.run, next.context, next.what};
}

// The task may be gone before this returns, and with it the last but one that knows the reactor.
template <class Task>
void abandon(Task* task) noexcept {
    if (task == nullptr) return;
    const std::shared_ptr<Reactor> reactor = task->reactor();
    reactor->abandon(task);
}

}  // namespace

AsyncAcquire::AsyncAcquire(const std::shared_ptr<Core>& core, std::string_view key, Claim claim,
                           const LockOptions& options, std::stop_token stop) {
    Failure failure;
    LeasePtr lease = Core::make_lease(core, key, claim, options, failure);
    if (lease == nullptr) {
        refused_ = new Failure{std::move(failure)};
    } else {
        task_ = new AcquireTask{core, std::move(lease), options, std::move(stop)};
    }
}

AsyncAcquire::~AsyncAcquire() {
    abandon(task_);
    delete refused_;
}

bool AsyncAcquire::start(const AsyncNext& next) {
    if (task_ == nullptr) return false;
    task_->continuation = continuation(next);
    Failure failure;
    if (task_->start(failure)) return true;
    refused_ = new Failure{std::move(failure)};
    return false;
}

bool AsyncAcquire::take(LeasePtr& lease, std::error_code* ec, Failure& failure) {
    bool granted = false;
    if (refused_ == nullptr) {
        granted = task_->take(lease, failure);
    } else {
        failure = *refused_;
    }
    failure.report_but_contention(ec);
    return granted;
}

Acquired<ScopedDistributedLock> AsyncAcquire::take_lock(std::error_code* ec) {
    LeasePtr lease;
    Failure failure;
    if (!take(lease, ec, failure)) return NotAcquired{std::move(failure)};
    return ScopedDistributedLock{std::move(lease)};
}

bool AsyncAcquire::take_grant(std::error_code* ec) {
    LeasePtr none;
    Failure failure;
    return take(none, ec, failure);
}

}  // namespace detail

ReleaseAwaitable::ReleaseAwaitable(detail::LeasePtr lease, std::error_code* ec) : ec_{ec} {
    if (lease != nullptr) task_ = new detail::ReleaseTask{std::move(lease)};
}

ReleaseAwaitable::~ReleaseAwaitable() { detail::abandon(task_); }

bool ReleaseAwaitable::start(const detail::AsyncNext& next) {
    task_->continuation = detail::continuation(next);
    return task_->start();
}

ReleaseResult ReleaseAwaitable::await_resume() noexcept {
    const Errc error = task_ == nullptr ? Errc{} : task_->error();
    if (ec_ != nullptr) *ec_ = error == Errc{} ? std::error_code{} : make_error_code(error);
    return task_ == nullptr ? ReleaseResult::not_held : task_->result();
}

AcquireAwaitable LockManager::async_acquire(std::string_view key, const LockOptions& options,
                                            std::stop_token stop) {
    return {core_, key, options, std::move(stop), nullptr};
}

AcquireAwaitable LockManager::async_acquire(std::string_view key, const LockOptions& options,
                                            std::stop_token stop, std::error_code& ec) {
    return {core_, key, options, std::move(stop), &ec};
}

GuardAwaitable LockManager::async_guard(std::string_view key, const LockOptions& options,
                                        std::stop_token stop) {
    return {core_, key, options, std::move(stop)};
}

ReleaseAwaitable ScopedDistributedLock::async_release() {
    return {std::move(same().lease_), nullptr};
}

ReleaseAwaitable ScopedDistributedLock::async_release(std::error_code& ec) {
    return {std::move(same().lease_), &ec};
}

}  // namespace leaselock

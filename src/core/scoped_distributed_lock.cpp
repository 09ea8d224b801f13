// The guard. Its constructors that acquire are the manager's, in lock_manager.cpp.
#include <utility>

#include <leaselock/scoped_distributed_lock.hpp>

#include "core/extend.hpp"
#include "core/failure.hpp"
#include "core/lease.hpp"
#include "core/loss.hpp"
#include "core/release.hpp"

namespace leaselock {

using detail::Failure;

ScopedDistributedLock& ScopedDistributedLock::operator=(ScopedDistributedLock&& other) noexcept {
    if (this != &other) {
        if (lease_ != nullptr) detail::let_go(std::move(lease_));
        lease_ = std::move(other.lease_);
    }
    return *this;
}

void ScopedDistributedLock::end() noexcept {
    if (!lease_->is_released()) detail::let_go(std::move(lease_));
    lease_.reset();
}

bool ScopedDistributedLock::owns_lock() const noexcept {
    return lease_ != nullptr && lease_->held();
}

std::chrono::milliseconds ScopedDistributedLock::remaining() const noexcept {
    return lease_ == nullptr ? std::chrono::milliseconds{0} : lease_->remaining();
}

std::stop_token ScopedDistributedLock::lost() {
    return lease_ == nullptr ? std::stop_token{} : detail::lost_signal(*lease_);
}

ScopedDistributedLock ScopedDistributedLock::same() noexcept {
    if (lease_ != nullptr) lease_->add_owner();
    return ScopedDistributedLock{detail::LeasePtr{lease_.get()}};
}

void ScopedDistributedLock::pass_loss_on(const std::stop_source& to) {
    if (lease_ != nullptr) detail::pass_loss_on(*lease_, to);
}

std::uint64_t ScopedDistributedLock::fencing_token() const noexcept {
    return lease_ == nullptr ? 0 : lease_->fencing_token();
}

std::string_view ScopedDistributedLock::key() const noexcept {
    return lease_ == nullptr ? std::string_view{} : lease_->key();
}

std::string_view ScopedDistributedLock::owner_token() const noexcept {
    return lease_ == nullptr ? std::string_view{} : lease_->token();
}

namespace {

[[noreturn]] void throw_loss(detail::Lease* lease) {
    if (lease == nullptr) throw LockLost("");
    throw lease->loss();
}

// What is asked of a lock that may be held, and told as a code, or thrown where `ec` is null: then
// a loss is LockLost.
template <class Ask>
void ask(detail::Lease* lease, std::error_code* ec, const Ask& what) {
    Failure failure;
    if (lease == nullptr) {
        failure.error = Errc::lost;
    } else {
        (void)what(*lease, failure);
    }
    if (ec == nullptr && failure.error == Errc::lost) throw_loss(lease);
    failure.report(ec);
}

void prolong(detail::Lease* lease, Duration ttl, std::error_code* ec) {
    ask(lease, ec, [ttl](detail::Lease& held, Failure& failure) {
        return detail::extend(held, ttl, failure);
    });
}

}  // namespace

void ScopedDistributedLock::extend(Duration ttl) { prolong(lease_.get(), ttl, nullptr); }
void ScopedDistributedLock::extend(Duration ttl, std::error_code& ec) {
    prolong(lease_.get(), ttl, &ec);
}

void ScopedDistributedLock::downgrade() { ask(lease_.get(), nullptr, detail::downgrade); }
void ScopedDistributedLock::downgrade(std::error_code& ec) {
    ask(lease_.get(), &ec, detail::downgrade);
}

void ScopedDistributedLock::ensure() const {
    if (!owns_lock()) throw_loss(lease_.get());
}

void ScopedDistributedLock::ensure(std::error_code& ec) const noexcept {
    ec = owns_lock() ? std::error_code{} : make_error_code(Errc::lost);
}

detail::AnnotatedLock::AnnotatedLock(ScopedDistributedLock lock) noexcept : lock_{std::move(lock)} {
    if (lock_.lease_ != nullptr) lock_.lease_->annotate();
}

ReleaseResult ScopedDistributedLock::release() noexcept {
    Errc ignored{};
    return lease_ == nullptr ? ReleaseResult::not_held : detail::release(*lease_, ignored);
}

ReleaseResult ScopedDistributedLock::release(std::error_code& ec) noexcept {
    Errc error{};
    const ReleaseResult result =
        lease_ == nullptr ? ReleaseResult::not_held : detail::release(*lease_, error);
    ec = error == Errc{} ? std::error_code{} : make_error_code(error);
    return result;
}

}  // namespace leaselock

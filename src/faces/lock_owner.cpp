#include <utility>

#include <leaselock/lock_owner.hpp>

#include "core/core.hpp"
#include "core/failure.hpp"
#include "core/validation.hpp"
#include "faces/acquired_by.hpp"
#include "faces/manager_access.hpp"
#include "faces/owned_keys.hpp"
#include "faces/whole_wait.hpp"

namespace leaselock {

using detail::OwnedKeys;

LockOwner::LockOwner(LockManager& manager)
    : manager_{manager}, keys_{std::make_shared<OwnedKeys>()} {}
LockOwner::~LockOwner() = default;

void LockOwner::refuse_in_child() const {
    if (keys_->is_in_child()) throw LockError(Errc::forked, "the child makes owners of its own");
}

OwnedLock LockOwner::enter(std::string_view key, const LockOptions& options,
                           const std::stop_token& stop) {
    refuse_in_child();
    detail::Core& core = *detail::ManagerAccess::core(manager_);
    detail::Failure failure;
    if (!detail::check_key(core.options().prefix, key, failure) ||
        !detail::check_options(options, failure)) {
        failure.raise();
    }
    const Backend* const backend = core.backend_for(options.backend, failure);
    if (backend == nullptr) failure.raise();
    const detail::WholeWait wait{core.clock(), options};
    auto owned = std::make_shared<detail::OwnedKey>(backend, key, options.share);
    switch (keys_->enter(owned, core.clock(), wait.until(), stop, failure)) {
        case OwnedKeys::Entry::again: return {keys_, std::move(owned)};
        case OwnedKeys::Entry::refused:
            if (failure.error == Errc::lost) throw LockLost(key);
            if (failure.error == Errc::conflicting_use) {
                throw LockError(failure.error, "this owner has the key with another share");
            }
            failure.key = key;
            failure.owner = core.options().owner;
            failure.waited = wait.waited();
            failure.limit = wait.limit(failure.error);
            failure.raise();
        case OwnedKeys::Entry::first: break;
    }
    try {
        keys_->acquired(owned, ScopedDistributedLock{manager_, key, wait.rest(), stop});
    } catch (const LockNotAcquired& step) {
        keys_->not_acquired(owned);
        wait.raise(step);
    } catch (...) {
        keys_->not_acquired(owned);
        throw;
    }
    return {keys_, std::move(owned)};
}

Acquired<OwnedLock> LockOwner::acquire(std::string_view key, const LockOptions& options,
                                       const std::stop_token& stop) {
    return detail::acquired_by<OwnedLock>([&] { return enter(key, options, stop); }, nullptr);
}

Acquired<OwnedLock> LockOwner::acquire(std::string_view key, const LockOptions& options,
                                       const std::stop_token& stop, std::error_code& ec) {
    return detail::acquired_by<OwnedLock>([&] { return enter(key, options, stop); }, &ec);
}

std::size_t LockOwner::levels(std::string_view key, std::string_view backend) const {
    refuse_in_child();
    detail::Failure failure;
    const Backend* const where =
        detail::ManagerAccess::core(manager_)->backend_for(backend, failure);
    if (where == nullptr) failure.raise();
    return keys_->levels(where, key);
}

OwnedLock& OwnedLock::operator=(OwnedLock&& other) noexcept {
    if (this != &other) {
        (void)leave();
        keys_ = std::move(other.keys_);
        key_ = std::move(other.key_);
    }
    return *this;
}

OwnedLock::~OwnedLock() { (void)leave(); }

// The lock, if this was the last level: it is released when it goes away.
std::optional<ScopedDistributedLock> OwnedLock::leave() noexcept {
    if (key_ == nullptr) return std::nullopt;
    auto last = keys_->leave(key_);
    key_.reset();
    return last;
}

bool OwnedLock::owns_lock() const noexcept { return key_ != nullptr && key_->lock->owns_lock(); }

std::chrono::milliseconds OwnedLock::remaining() const noexcept {
    return key_ == nullptr ? std::chrono::milliseconds{0} : key_->lock->remaining();
}

std::stop_token OwnedLock::lost() {
    if (key_ == nullptr) return {};
    if (keys_->is_in_child()) return key_->lock->lost();
    const detail::MutexLock lock{key_->losing};
    return key_->lock->lost();
}

void OwnedLock::ensure() const {
    if (key_ == nullptr) throw LockLost(key());
    key_->lock->ensure();
}

void OwnedLock::ensure(std::error_code& ec) const noexcept {
    ec = owns_lock() ? std::error_code{} : make_error_code(Errc::lost);
}

std::uint64_t OwnedLock::fencing_token() const noexcept {
    return key_ == nullptr ? 0 : key_->lock->fencing_token();
}

std::string_view OwnedLock::key() const noexcept {
    return key_ == nullptr ? std::string_view{} : key_->key;
}

ReleaseResult OwnedLock::release() noexcept {
    std::error_code ignored;
    return release(ignored);
}

ReleaseResult OwnedLock::release(std::error_code& ec) noexcept {
    ec.clear();
    if (key_ == nullptr || keys_->is_in_child()) return ReleaseResult::not_held;
    const bool held = owns_lock();
    if (auto last = leave()) return last->release(ec);
    return held ? ReleaseResult::released : ReleaseResult::lost;
}

}  // namespace leaselock

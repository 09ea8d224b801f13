#include <leaselock/lock_manager.hpp>

#include "manager/core.hpp"
#include "manager/failure.hpp"

namespace leaselock {

using detail::Failure;

LockManager::LockManager() : LockManager(ManagerOptions{}) {}
LockManager::LockManager(ManagerOptions options)
    : core_{std::make_shared<detail::Core>(std::move(options))} {}
LockManager::LockManager(LockManager&&) noexcept = default;
LockManager& LockManager::operator=(LockManager&&) noexcept = default;
LockManager::~LockManager() = default;

void LockManager::register_backend(std::string name, std::shared_ptr<Backend> backend) {
    Failure failure;
    if (!core_->register_backend(std::move(name), std::move(backend), failure)) failure.raise();
}

void LockManager::register_backend(std::string name, std::shared_ptr<Backend> backend,
                                   std::error_code& ec) {
    Failure failure;
    (void)core_->register_backend(std::move(name), std::move(backend), failure);
    ec = failure.code();
}

void LockManager::set_default_backend(std::string_view name) {
    Failure failure;
    if (!core_->set_default_backend(name, failure)) failure.raise();
}

void LockManager::set_default_backend(std::string_view name, std::error_code& ec) {
    Failure failure;
    (void)core_->set_default_backend(name, failure);
    ec = failure.code();
}

std::unique_ptr<detail::Lease> LockManager::acquire_lease(std::string_view key,
                                                          const LockOptions& options,
                                                          const std::stop_token& stop,
                                                          Failure& failure) {
    return detail::Core::acquire(core_, key, options, stop, failure);
}

std::optional<ScopedDistributedLock> LockManager::acquire(std::string_view key,
                                                          const LockOptions& options,
                                                          const std::stop_token& stop) {
    Failure failure;
    auto lease = acquire_lease(key, options, stop, failure);
    if (lease != nullptr) return ScopedDistributedLock{std::move(lease)};
    if (failure.contended()) return std::nullopt;
    failure.raise();
}

std::optional<ScopedDistributedLock> LockManager::acquire(std::string_view key,
                                                          const LockOptions& options,
                                                          const std::stop_token& stop,
                                                          std::error_code& ec) {
    Failure failure;
    auto lease = acquire_lease(key, options, stop, failure);
    ec = failure.code();
    if (lease == nullptr) return std::nullopt;
    return ScopedDistributedLock{std::move(lease)};
}

std::optional<ScopedDistributedLock> LockManager::acquire(std::string_view key,
                                                          const LockOptions& options,
                                                          std::error_code& ec) {
    return acquire(key, options, std::stop_token{}, ec);
}

std::optional<ScopedDistributedLock> LockManager::try_acquire(std::string_view key,
                                                              LockOptions options) {
    options.wait = false;
    options.wait_timeout.reset();
    return acquire(key, options);
}

std::optional<ScopedDistributedLock> LockManager::try_acquire(std::string_view key,
                                                              LockOptions options,
                                                              std::error_code& ec) {
    options.wait = false;
    options.wait_timeout.reset();
    return acquire(key, options, ec);
}

LockInfo LockManager::inspect(std::string_view key, std::string_view backend) {
    Failure failure;
    LockInfo info;
    if (!core_->inspect(key, backend, info, failure)) failure.raise();
    return info;
}

LockInfo LockManager::inspect(std::string_view key, std::string_view backend, std::error_code& ec) {
    Failure failure;
    LockInfo info;
    (void)core_->inspect(key, backend, info, failure);
    ec = failure.code();
    return info;
}

LockManager& default_manager() {
    static LockManager& manager = *new LockManager;
    return manager;
}

ScopedDistributedLock::ScopedDistributedLock(LockManager& manager, std::string_view key,
                                             const LockOptions& options,
                                             const std::stop_token& stop) {
    Failure failure;
    lease_ = manager.acquire_lease(key, options, stop, failure);
    if (lease_ == nullptr) failure.raise();
}

ScopedDistributedLock::ScopedDistributedLock(LockManager& manager, std::string_view key,
                                             const LockOptions& options,
                                             const std::stop_token& stop, std::error_code& ec) {
    Failure failure;
    lease_ = manager.acquire_lease(key, options, stop, failure);
    ec = failure.code();
}

ScopedDistributedLock::ScopedDistributedLock(LockManager& manager, std::string_view key,
                                             const LockOptions& options, std::error_code& ec)
    : ScopedDistributedLock(manager, key, options, std::stop_token{}, ec) {}

ScopedDistributedLock& ScopedDistributedLock::operator=(ScopedDistributedLock&& other) noexcept {
    if (this != &other) {
        release();
        lease_ = std::move(other.lease_);
    }
    return *this;
}

ScopedDistributedLock::~ScopedDistributedLock() { release(); }

void ScopedDistributedLock::ensure() const {
    if (!owns_lock()) throw LockLost(key());
}

void ScopedDistributedLock::ensure(std::error_code& ec) const noexcept {
    ec = owns_lock() ? std::error_code{} : make_error_code(Errc::lost);
}

ReleaseResult ScopedDistributedLock::release() noexcept {
    Errc ignored{};
    return lease_ == nullptr ? ReleaseResult::not_held : lease_->release(ignored);
}

ReleaseResult ScopedDistributedLock::release(std::error_code& ec) noexcept {
    Errc error{};
    const ReleaseResult result =
        lease_ == nullptr ? ReleaseResult::not_held : lease_->release(error);
    ec = error == Errc{} ? std::error_code{} : make_error_code(error);
    return result;
}

}  // namespace leaselock

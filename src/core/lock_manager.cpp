#include <cstdlib>

#include <leaselock/lock_manager.hpp>

#include "core/core.hpp"
#include "core/failure.hpp"

namespace leaselock {

using detail::Failure;

LockManager::LockManager() : LockManager(ManagerOptions{}) {}
LockManager::LockManager(ManagerOptions options)
    : core_{std::make_shared<detail::Core>(std::move(options))} {}
LockManager::LockManager(LockManager&&) noexcept = default;
LockManager& LockManager::operator=(LockManager&& other) noexcept {
    if (this != &other) {
        detail::Core::shut_down(std::move(core_));
        core_ = std::move(other.core_);
    }
    return *this;
}
LockManager::~LockManager() { detail::Core::shut_down(std::move(core_)); }

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

detail::LeasePtr LockManager::acquire_lease(std::string_view key, const LockOptions& options,
                                            const std::stop_token& stop, Failure& failure) {
    return detail::Core::acquire(core_, key, options, stop, failure);
}

Acquired<ScopedDistributedLock> LockManager::acquire(std::string_view key,
                                                     const LockOptions& options,
                                                     const std::stop_token& stop) {
    Failure failure;
    auto lease = acquire_lease(key, options, stop, failure);
    if (lease != nullptr) return ScopedDistributedLock{std::move(lease)};
    if (failure.contended()) return detail::NotAcquired{std::move(failure)};
    failure.raise();
}

Acquired<ScopedDistributedLock> LockManager::acquire(std::string_view key,
                                                     const LockOptions& options,
                                                     const std::stop_token& stop,
                                                     std::error_code& ec) {
    Failure failure;
    auto lease = acquire_lease(key, options, stop, failure);
    ec = failure.code();
    if (lease == nullptr) return detail::NotAcquired{std::move(failure)};
    return ScopedDistributedLock{std::move(lease)};
}

Acquired<ScopedDistributedLock> LockManager::acquire(std::string_view key,
                                                     const LockOptions& options,
                                                     std::error_code& ec) {
    return acquire(key, options, std::stop_token{}, ec);
}

Acquired<ScopedDistributedLock> LockManager::try_acquire(std::string_view key,
                                                         LockOptions options) {
    options.wait = false;
    options.wait_timeout.reset();
    return acquire(key, options);
}

Acquired<ScopedDistributedLock> LockManager::try_acquire(std::string_view key, LockOptions options,
                                                         std::error_code& ec) {
    options.wait = false;
    options.wait_timeout.reset();
    return acquire(key, options, ec);
}

Guarantees LockManager::guarantees(std::string_view backend) {
    Failure failure;
    const Backend* const chosen = core_->backend_for(backend, failure);
    if (chosen == nullptr) failure.raise();
    return chosen->guarantees();
}

Guarantees LockManager::guarantees(std::string_view backend, std::error_code& ec) {
    Failure failure;
    const Backend* const chosen = core_->backend_for(backend, failure);
    ec = failure.code();
    return chosen == nullptr ? Guarantees{} : chosen->guarantees();
}

LockStats LockManager::stats() const { return core_->stats(); }
std::vector<TemplateStats> LockManager::stats_by_template() const {
    return core_->stats_by_template();
}

void set_default_manager(LockManager manager) {
    LockManager& standard = default_manager();
    Failure failure;
    if (!standard.core_->replace(failure)) failure.raise();
    standard = std::move(manager);
}

// Never destroyed, so that it is there for whatever ends after it; but what it owes is delivered.
LockManager& default_manager() {
    static LockManager& manager = []() -> LockManager& {
        static auto* const made = new LockManager;
        made->core_->is_stopgap();
        std::atexit([] { detail::Core::shut_down(made->core_); });
        return *made;
    }();
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

}  // namespace leaselock

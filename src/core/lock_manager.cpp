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

// Each call of which there are two, one that throws and one with an error_code, is written once,
// with a pointer to the code: null for the one that throws.
namespace {

void add_backend(detail::Core& core, std::string name, std::shared_ptr<Backend> backend,
                 std::error_code* ec) {
    Failure failure;
    (void)core.register_backend(std::move(name), std::move(backend), failure);
    failure.report(ec);
}

void choose_backend(detail::Core& core, std::string_view name, std::error_code* ec) {
    Failure failure;
    (void)core.set_default_backend(name, failure);
    failure.report(ec);
}

Guarantees guarantees_of(detail::Core& core, std::string_view backend, std::error_code* ec) {
    Failure failure;
    const Backend* const chosen = core.backend_for(backend, failure);
    failure.report(ec);
    return chosen == nullptr ? Guarantees{} : chosen->guarantees();
}

LockOptions without_waiting(LockOptions options) {
    options.wait = false;
    options.wait_timeout.reset();
    return options;
}

}  // namespace

void LockManager::register_backend(std::string name, std::shared_ptr<Backend> backend) {
    add_backend(*core_, std::move(name), std::move(backend), nullptr);
}

void LockManager::register_backend(std::string name, std::shared_ptr<Backend> backend,
                                   std::error_code& ec) {
    add_backend(*core_, std::move(name), std::move(backend), &ec);
}

void LockManager::set_default_backend(std::string_view name) {
    choose_backend(*core_, name, nullptr);
}

void LockManager::set_default_backend(std::string_view name, std::error_code& ec) {
    choose_backend(*core_, name, &ec);
}

detail::LeasePtr LockManager::lease_for_guard(std::string_view key, const LockOptions& options,
                                              const std::stop_token& stop, std::error_code* ec) {
    if (detail::LeasePtr lease = detail::Core::acquire_at_once(core_, key, options)) {
        if (ec != nullptr) ec->clear();
        return lease;
    }
    Failure failure;
    detail::LeasePtr lease = detail::Core::acquire(core_, key, options, stop, failure);
    failure.report(ec);
    return lease;
}

// With an Operation, or with words of what went wrong.
[[gnu::noinline]] Acquired<ScopedDistributedLock> LockManager::acquire_by_operation(
    std::string_view key, const LockOptions& options, const std::stop_token& stop,
    std::error_code* ec) {
    Failure failure;
    detail::LeasePtr lease = detail::Core::acquire(core_, key, options, stop, failure);
    failure.report_but_contention(ec);
    if (lease == nullptr) return detail::NotAcquired{std::move(failure)};
    return ScopedDistributedLock{std::move(lease)};
}

// In each of its callers: it is nearly all that they do.
[[gnu::always_inline]] inline Acquired<ScopedDistributedLock> LockManager::acquire_or_tell(
    std::string_view key, const LockOptions& options, const std::stop_token& stop,
    std::error_code* ec) {
    detail::LeasePtr lease = detail::Core::acquire_at_once(core_, key, options);
    if (lease == nullptr) return acquire_by_operation(key, options, stop, ec);
    if (ec != nullptr) ec->clear();
    return ScopedDistributedLock{std::move(lease)};
}

Acquired<ScopedDistributedLock> LockManager::acquire(std::string_view key,
                                                     const LockOptions& options,
                                                     const std::stop_token& stop) {
    return acquire_or_tell(key, options, stop, nullptr);
}

Acquired<ScopedDistributedLock> LockManager::acquire(std::string_view key,
                                                     const LockOptions& options,
                                                     const std::stop_token& stop,
                                                     std::error_code& ec) {
    return acquire_or_tell(key, options, stop, &ec);
}

Acquired<ScopedDistributedLock> LockManager::acquire(std::string_view key,
                                                     const LockOptions& options,
                                                     std::error_code& ec) {
    return acquire_or_tell(key, options, {}, &ec);
}

Acquired<ScopedDistributedLock> LockManager::try_acquire(std::string_view key,
                                                         LockOptions options) {
    return acquire_or_tell(key, without_waiting(options), {}, nullptr);
}

Acquired<ScopedDistributedLock> LockManager::try_acquire(std::string_view key, LockOptions options,
                                                         std::error_code& ec) {
    return acquire_or_tell(key, without_waiting(options), {}, &ec);
}

Guarantees LockManager::guarantees(std::string_view backend) {
    return guarantees_of(*core_, backend, nullptr);
}

Guarantees LockManager::guarantees(std::string_view backend, std::error_code& ec) {
    return guarantees_of(*core_, backend, &ec);
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
                                             const std::stop_token& stop)
    : lease_{manager.lease_for_guard(key, options, stop, nullptr)} {}

ScopedDistributedLock::ScopedDistributedLock(LockManager& manager, std::string_view key,
                                             const LockOptions& options,
                                             const std::stop_token& stop, std::error_code& ec)
    : lease_{manager.lease_for_guard(key, options, stop, &ec)} {}

ScopedDistributedLock::ScopedDistributedLock(LockManager& manager, std::string_view key,
                                             const LockOptions& options, std::error_code& ec)
    : ScopedDistributedLock(manager, key, options, std::stop_token{}, ec) {}

}  // namespace leaselock

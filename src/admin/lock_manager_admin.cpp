// What operators ask of a manager.
#include <leaselock/lock_manager.hpp>

#include "admin/admin.hpp"

namespace leaselock {

using detail::Failure;

LockInfo LockManager::inspect(std::string_view key, std::string_view backend) {
    Failure failure;
    LockInfo info;
    if (!detail::inspect(*core_, key, backend, info, failure)) failure.raise();
    return info;
}

LockInfo LockManager::inspect(std::string_view key, std::string_view backend, std::error_code& ec) {
    Failure failure;
    LockInfo info;
    (void)detail::inspect(*core_, key, backend, info, failure);
    ec = failure.code();
    return info;
}

LockInfo LockManager::force_release(std::string_view key, std::string_view backend) {
    Failure failure;
    LockInfo freed;
    if (!detail::force_release(*core_, key, backend, freed, failure)) failure.raise();
    return freed;
}

LockInfo LockManager::force_release(std::string_view key, std::string_view backend,
                                    std::error_code& ec) {
    Failure failure;
    LockInfo freed;
    (void)detail::force_release(*core_, key, backend, freed, failure);
    ec = failure.code();
    return freed;
}

std::vector<ListedLock> LockManager::list(std::string_view pattern, std::string_view backend) {
    return detail::list(*core_, pattern, backend);
}

std::vector<ListedLock> LockManager::list(std::string_view pattern, std::string_view backend,
                                          std::error_code& ec) {
    ec.clear();
    try {
        return detail::list(*core_, pattern, backend);
    } catch (const LockError& error) {
        ec = error.code();
        return {};
    }
}

std::vector<Finding> LockManager::check(std::string_view backend) {
    return detail::check(*core_, backend);
}

std::vector<Finding> LockManager::check(std::string_view backend, std::error_code& ec) {
    ec.clear();
    try {
        return detail::check(*core_, backend);
    } catch (const LockError& error) {
        ec = error.code();
        return {};
    }
}

}  // namespace leaselock

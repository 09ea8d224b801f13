// What operators ask of a manager.
#include <leaselock/lock_manager.hpp>

#include "admin/admin.hpp"
#include "core/core.hpp"

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

namespace {

// Memory in production is the first mistake of users that come from decorators.
std::vector<Finding> checked(detail::Core& core, std::string_view backend, CheckDepth depth) {
    const bool is_process_local = core.is_process_local();
    std::vector<Finding> findings = detail::check(core, backend, depth);
    if (!is_process_local) return findings;
    findings.push_back({.severity = Finding::Severity::problem,
                        .subject = "default manager",
                        .found = "nobody has set it, so its locks are of this process alone",
                        .advice = "call set_default_manager(connect(url)) before its first use, "
                                  "or give the lock a manager"});
    return findings;
}

}  // namespace

std::vector<Finding> LockManager::check(std::string_view backend, CheckDepth depth) {
    return checked(*core_, backend, depth);
}

std::vector<Finding> LockManager::check(std::string_view backend, std::error_code& ec,
                                        CheckDepth depth) {
    ec.clear();
    try {
        return checked(*core_, backend, depth);
    } catch (const LockError& error) {
        ec = error.code();
        return {};
    }
}

}  // namespace leaselock

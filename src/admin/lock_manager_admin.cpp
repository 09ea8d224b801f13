// What operators ask of a manager.
#include <leaselock/lock_manager.hpp>

#include "admin/admin.hpp"
#include "base/error_code_face.hpp"
#include "core/core.hpp"
#include "core/failure.hpp"

namespace leaselock {

namespace {

// What `ask` tells of a key; `ec`: see Failure::report.
template <class Ask>
LockInfo told(const Ask& ask, detail::Core& core, std::string_view key, std::string_view backend,
              std::error_code* ec) {
    detail::Failure failure;
    LockInfo info;
    (void)ask(core, key, backend, info, failure);
    failure.report(ec);
    return info;
}

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

LockInfo LockManager::inspect(std::string_view key, std::string_view backend) {
    return told(detail::inspect, *core_, key, backend, nullptr);
}

LockInfo LockManager::inspect(std::string_view key, std::string_view backend, std::error_code& ec) {
    return told(detail::inspect, *core_, key, backend, &ec);
}

LockInfo LockManager::force_release(std::string_view key, std::string_view backend) {
    return told(detail::force_release, *core_, key, backend, nullptr);
}

LockInfo LockManager::force_release(std::string_view key, std::string_view backend,
                                    std::error_code& ec) {
    return told(detail::force_release, *core_, key, backend, &ec);
}

std::vector<ListedLock> LockManager::list(std::string_view pattern, std::string_view backend) {
    return detail::list(*core_, pattern, backend);
}

std::vector<ListedLock> LockManager::list(std::string_view pattern, std::string_view backend,
                                          std::error_code& ec) {
    return base::caught(ec, [&] { return detail::list(*core_, pattern, backend); });
}

std::vector<Finding> LockManager::check(std::string_view backend, CheckDepth depth) {
    return checked(*core_, backend, depth);
}

std::vector<Finding> LockManager::check(std::string_view backend, std::error_code& ec,
                                        CheckDepth depth) {
    return base::caught(ec, [&] { return checked(*core_, backend, depth); });
}

}  // namespace leaselock

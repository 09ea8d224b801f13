#include <leaselock/distributed_semaphore.hpp>

#include "core/failure.hpp"
#include "core/validation.hpp"

namespace leaselock {

DistributedSemaphore::DistributedSemaphore(LockManager& manager, std::string_view key, int permits,
                                           const LockOptions& options)
    : manager_{manager}, key_{key}, permits_{permits}, options_{options} {
    detail::Failure failure;
    if (!detail::check_number("permits", permits, failure)) failure.raise();
}

int DistributedSemaphore::free_of(const LockInfo& info, std::error_code& ec) const noexcept {
    ec.clear();
    if (!info.held) return permits_;
    if (info.use == KeyUse::whole) return 0;
    if (info.use != KeyUse::permits || info.of != permits_) ec = Errc::conflicting_use;
    return ec ? 0 : info.left();
}

int DistributedSemaphore::available() {
    std::error_code ec;
    const int count = free_of(manager_.inspect(key_, options_.value().backend), ec);
    if (ec) throw LockError(ec, "the key has another number of permits now");
    return count;
}

int DistributedSemaphore::available(std::error_code& ec) {
    const LockInfo info = manager_.inspect(key_, options_.value().backend, ec);
    return ec ? 0 : free_of(info, ec);
}

}  // namespace leaselock

#include <fmt/core.h>

#include <leaselock/distributed_semaphore.hpp>

namespace leaselock {
namespace {

int checked_permits(int permits) {
    if (permits >= 1 && permits <= max_permits) return permits;
    throw LockError(Errc::invalid_option,
                    fmt::format("permits = {}, allowed are 1 to {}", permits, max_permits));
}

}  // namespace

DistributedSemaphore::DistributedSemaphore(LockManager& manager, std::string_view key, int permits,
                                           const LockOptions& options)
    : manager_{manager}, key_{key}, permits_{checked_permits(permits)}, options_{options} {}

int DistributedSemaphore::free_of(const LockInfo& info, std::error_code& ec) const noexcept {
    ec.clear();
    if (!info.held) return permits_;
    if (info.taken.of == 0) return 0;
    if (info.taken.of != permits_) ec = Errc::conflicting_use;
    return ec ? 0 : permits_ - info.taken.count;
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

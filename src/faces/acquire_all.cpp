#include <algorithm>
#include <fmt/format.h>

#include <leaselock/acquire_all.hpp>

#include "core/core.hpp"
#include "core/failure.hpp"
#include "core/validation.hpp"
#include "faces/acquired_by.hpp"
#include "faces/manager_access.hpp"
#include "faces/whole_wait.hpp"

namespace leaselock {
namespace {

// Sorted and without repetitions. Throws LockError if there is something wrong with one.
std::vector<std::string_view> checked(ScopedLockSet::Keys keys, const std::string& prefix) {
    std::vector<std::string_view> sorted{keys.begin(), keys.end()};
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    detail::Failure failure;
    if (sorted.empty() || sorted.size() > max_keys_at_once) {
        failure.set(Errc::invalid_option,
                    fmt::format("keys = {}, allowed are 1 to {}", sorted.size(), max_keys_at_once));
        failure.raise();
    }
    for (const std::string_view key : sorted) {
        if (!detail::check_key(prefix, key, failure)) failure.raise();
    }
    return sorted;
}

const ScopedDistributedLock* find_lost(std::span<const ScopedDistributedLock> locks) noexcept {
    const auto found = std::find_if(locks.begin(), locks.end(),
                                    [](const auto& lock) { return !lock.owns_lock(); });
    return found == locks.end() ? nullptr : &*found;
}

}  // namespace

ScopedLockSet::ScopedLockSet(LockManager& manager, Keys keys, const LockOptions& options,
                             const std::stop_token& stop) {
    const detail::Core& core = *detail::ManagerAccess::core(manager);
    const std::vector<std::string_view> sorted = checked(keys, core.options().prefix);
    if (detail::Failure failure; !detail::check_options(options, failure)) failure.raise();
    const detail::WholeWait wait{core.clock(), options};
    locks_.reserve(sorted.size());
    try {
        for (const std::string_view key : sorted) {
            locks_.emplace_back(manager, key, wait.rest(), stop);
        }
        if (const auto* const lost = find_lost(locks_)) {
            throw LockError(
                Errc::granted_too_late,
                fmt::format("lock '{}': lost while others were waited for", lost->key()));
        }
    } catch (const LockNotAcquired& step) {
        drop();
        wait.raise(step);
    } catch (...) {
        drop();
        throw;
    }
}

ScopedLockSet::ScopedLockSet(LockManager& manager, KeyList keys, const LockOptions& options,
                             const std::stop_token& stop)
    : ScopedLockSet(manager, Keys{keys.begin(), keys.size()}, options, stop) {}

ScopedLockSet& ScopedLockSet::operator=(ScopedLockSet&& other) noexcept {
    if (this != &other) {
        drop();
        locks_ = std::move(other.locks_);
        lost_ = std::move(other.lost_);
        origin_ = other.origin_;
    }
    return *this;
}

ScopedLockSet::~ScopedLockSet() { drop(); }

void ScopedLockSet::drop() noexcept {
    while (!locks_.empty()) locks_.pop_back();
}

bool ScopedLockSet::owns_lock() const noexcept {
    return !locks_.empty() && find_lost(locks_) == nullptr;
}

std::chrono::milliseconds ScopedLockSet::remaining() const noexcept {
    auto least = locks_.empty() ? std::chrono::milliseconds{0} : std::chrono::milliseconds::max();
    for (const auto& lock : locks_) least = std::min(least, lock.remaining());
    return least;
}

std::stop_token ScopedLockSet::lost() {
    if (!lost_.stop_possible() || origin_.is_in_child()) {
        std::stop_source signal;
        for (auto& lock : locks_) lock.pass_loss_on(signal);
        lost_ = std::move(signal);
    }
    return lost_.get_token();
}

void ScopedLockSet::ensure() const {
    if (locks_.empty()) throw LockLost("");
    for (const auto& lock : locks_) lock.ensure();
}

void ScopedLockSet::ensure(std::error_code& ec) const noexcept {
    ec = owns_lock() ? std::error_code{} : make_error_code(Errc::lost);
}

std::uint64_t ScopedLockSet::fencing_token(std::string_view key) const noexcept {
    const auto found = std::find_if(locks_.begin(), locks_.end(),
                                    [&](const auto& lock) { return lock.key() == key; });
    return found == locks_.end() ? 0 : found->fencing_token();
}

std::span<const ScopedDistributedLock> ScopedLockSet::locks() const noexcept { return locks_; }

void ScopedLockSet::extend(Duration ttl) {
    if (locks_.empty()) throw LockLost("");
    for (auto& lock : locks_) lock.extend(ttl);
}

ReleaseResult ScopedLockSet::release() noexcept {
    std::error_code ignored;
    return release(ignored);
}

ReleaseResult ScopedLockSet::release(std::error_code& ec) noexcept {
    ec.clear();
    const auto badness = [](ReleaseResult result) {
        switch (result) {
            case ReleaseResult::not_held: return 0;
            case ReleaseResult::released: return 1;
            case ReleaseResult::lost: return 2;
            case ReleaseResult::unknown: break;
        }
        return 3;
    };
    ReleaseResult worst = ReleaseResult::not_held;
    std::for_each(locks_.rbegin(), locks_.rend(), [&](ScopedDistributedLock& lock) {
        std::error_code why;
        const ReleaseResult result = lock.release(why);
        if (badness(result) > badness(worst)) worst = result;
        if (!ec) ec = why;
    });
    return worst;
}

namespace {

Acquired<ScopedLockSet> acquired(LockManager& manager, ScopedLockSet::Keys keys,
                                 const LockOptions& options, const std::stop_token& stop,
                                 std::error_code* ec) {
    return detail::acquired_by<ScopedLockSet>(
        [&] {
            return ScopedLockSet{manager, keys, options, stop};
        },
        ec);
}

}  // namespace

Acquired<ScopedLockSet> acquire_all(LockManager& manager, ScopedLockSet::Keys keys,
                                    const LockOptions& options, const std::stop_token& stop) {
    return acquired(manager, keys, options, stop, nullptr);
}

Acquired<ScopedLockSet> acquire_all(LockManager& manager, ScopedLockSet::KeyList keys,
                                    const LockOptions& options, const std::stop_token& stop) {
    return acquire_all(manager, ScopedLockSet::Keys{keys.begin(), keys.size()}, options, stop);
}

Acquired<ScopedLockSet> acquire_all(LockManager& manager, ScopedLockSet::Keys keys,
                                    const LockOptions& options, const std::stop_token& stop,
                                    std::error_code& ec) {
    return acquired(manager, keys, options, stop, &ec);
}

Acquired<ScopedLockSet> acquire_all(LockManager& manager, ScopedLockSet::KeyList keys,
                                    const LockOptions& options, const std::stop_token& stop,
                                    std::error_code& ec) {
    return acquire_all(manager, ScopedLockSet::Keys{keys.begin(), keys.size()}, options, stop, ec);
}

}  // namespace leaselock

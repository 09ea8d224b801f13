#include <optional>
#include <utility>

#include <leaselock/reentrant_mutex.hpp>

namespace leaselock {

ReentrantMutex::ReentrantMutex(LockOwner& owner, std::string_view key, const LockOptions& options)
    : owner_{owner}, key_{key}, options_{options} {}

bool ReentrantMutex::lock_within(Duration time, const std::stop_token& stop) {
    Acquired<OwnedLock> level = owner_.acquire(key_, options_.waiting(time), stop);
    if (!level) return false;
    const detail::MutexLock lock{mutex_};
    levels_->push_back(std::move(*level));
    return true;
}

bool ReentrantMutex::lock(const std::stop_token& stop) { return lock_within(forever, stop); }

void ReentrantMutex::lock() {
    // Contention cannot end a wait for ever, so nothing but success returns.
    while (!lock_within(forever, {})) {
    }
}

void ReentrantMutex::unlock() noexcept {
    if (origin_.is_in_child()) return;
    std::optional<OwnedLock> newest;
    const detail::MutexLock lock{mutex_};
    if (levels_->empty()) return;
    newest.emplace(std::move(levels_->back()));
    levels_->pop_back();
}

std::size_t ReentrantMutex::levels() const {
    if (origin_.is_in_child()) return 0;
    const detail::MutexLock lock{mutex_};
    return levels_->size();
}

void ReentrantMutex::ensure() const {
    if (origin_.is_in_child()) throw LockLost(key_);
    const detail::MutexLock lock{mutex_};
    if (levels_->empty()) throw LockLost(key_);
    levels_->back().ensure();
}

std::uint64_t ReentrantMutex::fencing_token() const {
    if (origin_.is_in_child()) return 0;
    const detail::MutexLock lock{mutex_};
    return levels_->empty() ? 0 : levels_->back().fencing_token();
}

}  // namespace leaselock

#include "faces/owned_keys.hpp"

#include <algorithm>

#include "core/core.hpp"

namespace leaselock::detail {

// Waits in slices of real time, as a DistributedMutex for its turn: how long another thread of this
// process takes is not for a manual clock to say.
OwnedKeys::Entry OwnedKeys::enter(KeyPtr& key, const Clock& clock,
                                  std::optional<Clock::time_point> until,
                                  const std::stop_token& stop, Failure& failure) {
    Table fresh;
    auto node = fresh.extract(fresh.insert(key).first);
    const auto ring = [this] {
        const MutexLock lock{mutex_};
        changed_.notify_all();
    };
    const std::stop_callback on_stop{stop, ring};
    const MutexLock lock{mutex_};
    for (;;) {
        const auto found = table_->find(key);
        if (found == table_->end()) {
            table_->insert(std::move(node));
            return Entry::first;
        }
        if ((*found)->lock) {
            if (!(*found)->lock->owns_lock()) {
                failure.error = Errc::lost;
                return Entry::refused;
            }
            if (!(*found)->claim.is_exclusive() && (*found)->claim != key->claim) {
                failure.error = Errc::conflicting_use;
                return Entry::refused;
            }
            key = *found;
            ++key->levels;
            return Entry::again;
        }
        const Clock::duration left = until ? *until - clock.now() : Clock::duration::zero();
        if (stop.stop_requested() || left <= Clock::duration::zero()) {
            failure.error = !until                  ? Errc::held
                            : stop.stop_requested() ? Errc::cancelled
                                                    : Errc::wait_timed_out;
            return Entry::refused;
        }
        if (!Core::may_wait(key->key, failure)) return Entry::refused;
        changed_.wait_for(mutex_, std::min<Clock::duration>(left, std::chrono::hours{1}));
    }
}

void OwnedKeys::acquired(const KeyPtr& key, ScopedDistributedLock lock) noexcept {
    const MutexLock locked{mutex_};
    key->lock.emplace(std::move(lock));
    key->levels = 1;
    changed_.notify_all();
}

void OwnedKeys::not_acquired(const KeyPtr& key) noexcept {
    Table::node_type node;  // what goes out of the table is destroyed without the mutex
    const MutexLock lock{mutex_};
    node = table_->extract(table_->find(key));
    changed_.notify_all();
}

// A thread that comes after the last level acquires again, while this one's release is under way.
std::optional<ScopedDistributedLock> OwnedKeys::leave(const KeyPtr& key) noexcept {
    if (is_in_child()) return std::nullopt;
    Table::node_type node;
    {
        const MutexLock lock{mutex_};
        if (--key->levels > 0) return std::nullopt;
        node = table_->extract(table_->find(key));
    }
    return std::move(key->lock);
}

std::size_t OwnedKeys::levels(const Backend* backend, std::string_view key) const {
    const MutexLock lock{mutex_};
    const auto found = table_->find(Name{backend, key});
    return found == table_->end() ? 0 : (*found)->levels;
}

}  // namespace leaselock::detail

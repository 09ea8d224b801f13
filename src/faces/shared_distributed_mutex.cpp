#include <system_error>
#include <utility>

#include <leaselock/shared_distributed_mutex.hpp>

namespace leaselock {
namespace {

LockOptions of_a_writer(LockOptions options) noexcept {
    options.share = exclusive;
    return options;
}

[[noreturn]] void refuse_relock() {
    throw std::system_error(std::make_error_code(std::errc::resource_deadlock_would_occur));
}

}  // namespace

SharedDistributedMutex::SharedDistributedMutex(LockManager& manager, std::string_view key,
                                               const LockOptions& options)
    : manager_{manager},
      key_{key},
      options_{options},
      writer_{manager, key, of_a_writer(options)} {}

bool SharedDistributedMutex::reads() const {
    if (writer_.is_in_child()) return false;
    const detail::MutexLock lock{mutex_};
    return readers_->contains(std::this_thread::get_id());
}

void SharedDistributedMutex::refuse_readers() const {
    if (reads()) refuse_relock();
}

void SharedDistributedMutex::lock() {
    refuse_readers();
    writer_.lock();
}

bool SharedDistributedMutex::try_lock() { return !reads() && writer_.try_lock(); }

void SharedDistributedMutex::unlock() noexcept { writer_.unlock(); }

bool SharedDistributedMutex::share_within(Duration time) {
    writer_.refuse_in_child();
    if (reads() || writer_.is_mine()) {
        if (time.value().count() > 0) refuse_relock();
        return false;
    }
    LockOptions options = options_.waiting(time);
    options.share = shared;
    auto lock = manager_.acquire(key_, options);
    if (!lock) return false;
    const detail::MutexLock guard{mutex_};
    readers_->emplace(std::this_thread::get_id(), std::move(*lock));
    return true;
}

void SharedDistributedMutex::lock_shared() {
    // Contention cannot end a wait for ever, so nothing but success returns.
    while (!share_within(forever)) {
    }
}

bool SharedDistributedMutex::try_lock_shared() {
    return share_within(std::chrono::milliseconds{0});
}

void SharedDistributedMutex::unlock_shared() noexcept {
    if (writer_.is_in_child()) return;
    Readers::node_type gone;
    const detail::MutexLock lock{mutex_};
    gone = readers_->extract(std::this_thread::get_id());
}

void SharedDistributedMutex::unlock_and_lock_shared() {
    Readers fresh;
    auto node = fresh.extract(fresh.emplace(std::this_thread::get_id(), writer_.downgrade()).first);
    const detail::MutexLock lock{mutex_};
    readers_->insert(std::move(node));
}

void SharedDistributedMutex::ensure() const {
    if (writer_.is_mine()) return writer_.ensure();
    if (writer_.is_in_child()) throw LockLost(key_);
    const detail::MutexLock lock{mutex_};
    const auto found = readers_->find(std::this_thread::get_id());
    if (found == readers_->end()) throw LockLost(key_);
    found->second.ensure();
}

std::uint64_t SharedDistributedMutex::fencing_token() const {
    if (writer_.is_mine()) return writer_.fencing_token();
    if (writer_.is_in_child()) return 0;
    const detail::MutexLock lock{mutex_};
    const auto found = readers_->find(std::this_thread::get_id());
    return found == readers_->end() ? 0 : found->second.fencing_token();
}

}  // namespace leaselock

#include <algorithm>

#include <leaselock/clock.hpp>
#include <leaselock/distributed_mutex.hpp>

#include "core/core.hpp"
#include "core/failure.hpp"
#include "faces/manager_access.hpp"

namespace leaselock {

using namespace std::chrono_literals;

DistributedMutex::DistributedMutex(LockManager& manager, std::string_view key,
                                   const LockOptions& options)
    : manager_{manager}, key_{key}, options_{options} {}

// Whose turn it was is the parent's affair, and its mutex may be locked for ever.
void DistributedMutex::refuse_in_child() const {
    if (is_in_child()) throw LockError(Errc::forked, "the child makes mutexes of its own");
}

// They wait on the clock of the manager. The first is woken; if another thread is faster, it stays
// the first.
bool DistributedMutex::take_turn(Clock& clock, Clock::time_point until,
                                 const std::stop_token& stop) {
    Waker waker;
    const std::stop_callback wake{stop, [&] { waker.wake(); }};
    detail::MutexLock lock{mutex_};
    if (owner_.load(std::memory_order_relaxed) == std::thread::id{}) return take_free_turn();
    const auto is_over = [&] { return stop.stop_requested() || clock.now() >= until; };
    if (is_over()) return false;
    if (is_mine()) {
        throw std::system_error(std::make_error_code(std::errc::resource_deadlock_would_occur));
    }
    const auto self = waiting_->insert(waiting_->end(), &waker);
    while (owner_.load(std::memory_order_relaxed) != std::thread::id{} && !is_over()) {
        const detail::MutexUnlock unlocked{mutex_};
        clock.sleep_until(until, waker);
    }
    waiting_->erase(self);
    return owner_.load(std::memory_order_relaxed) == std::thread::id{} && take_free_turn();
}

bool DistributedMutex::take_free_turn() noexcept {
    owner_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    return true;
}

void DistributedMutex::give_turn() noexcept {
    WakeUp next;
    const detail::MutexLock lock{mutex_};
    owner_.store(std::thread::id{}, std::memory_order_relaxed);
    if (!waiting_->empty()) next = waiting_->front()->wake();
}

bool DistributedMutex::lock_within(Duration time, const std::stop_token& stop) {
    refuse_in_child();
    detail::Failure failure;
    if (time.value().count() > 0 && !detail::Core::may_wait(key_, failure)) failure.raise();
    Clock& clock = detail::ManagerAccess::core(manager_)->clock();
    const auto until = detail::saturating_add(clock.now(), time.value());
    if (!take_turn(clock, until, stop)) return false;
    try {
        const Clock::duration left = until - clock.now();
        const bool waits = time.value().count() > 0 && time != forever;
        held_ = manager_.acquire(
            key_, options_.waiting(waits ? std::max(Duration{left}, Duration{1ms}) : time), stop);
    } catch (...) {
        give_turn();
        throw;
    }
    if (!held_) give_turn();
    return held_.has_value();
}

void DistributedMutex::lock() {
    // Contention cannot end a wait for ever, so nothing but success returns.
    while (!lock_within(forever)) {
    }
}

bool DistributedMutex::lock(const std::stop_token& stop) { return lock_within(forever, stop); }

std::uint64_t DistributedMutex::lock_and_get_fence() {
    lock();
    return fencing_token();
}

std::uint64_t DistributedMutex::try_lock_and_get_fence() {
    return try_lock() ? fencing_token() : 0;
}

bool DistributedMutex::try_lock() { return lock_within(std::chrono::milliseconds{0}); }

// std::mutex leaves it undefined what another thread's unlock does. To throw would end the program
// in the destructor of a guard that was moved to another thread.
void DistributedMutex::unlock() noexcept {
    if (!is_mine()) return;
    held_.reset();
    give_turn();
}

bool DistributedMutex::is_mine() const noexcept {
    return !is_in_child() && owner_.load(std::memory_order_relaxed) == std::this_thread::get_id();
}

ScopedDistributedLock DistributedMutex::downgrade() {
    if (!is_mine() || !held_) throw LockLost(key_);
    std::error_code later;  // readers come in at the next renewal, then
    held_->downgrade(later);
    held_->ensure();
    ScopedDistributedLock reader{std::move(*held_)};
    held_.reset();
    give_turn();
    return reader;
}

void DistributedMutex::ensure() const {
    if (!is_mine() || !held_) throw LockLost(key_);
    held_->ensure();
}

std::chrono::milliseconds DistributedMutex::remaining() const noexcept {
    return is_mine() && held_ ? held_->remaining() : std::chrono::milliseconds{0};
}

std::stop_token DistributedMutex::lost() {
    if (is_mine() && held_) return held_->lost();
    std::stop_source over;
    over.request_stop();
    return over.get_token();
}

bool DistributedMutex::is_locked() { return manager_.inspect(key_, options_.value().backend).held; }

std::uint64_t DistributedMutex::fencing_token() const noexcept {
    return is_mine() && held_ ? held_->fencing_token() : 0;
}

}  // namespace leaselock

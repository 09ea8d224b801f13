#include "orders/lock_counter.hpp"

#include <algorithm>

namespace orders {

void LockCounter::on_acquired(const leaselock::LockEvent& event) {
    const auto wait = std::chrono::duration_cast<std::chrono::microseconds>(event.waited);
    const std::lock_guard lock{mutex_};
    ++figures_.acquisitions;
    figures_.total_wait += wait;
    figures_.longest_wait = std::max(figures_.longest_wait, wait);
    std::uint64_t& last = last_fence_[event.key];
    figures_.fences_rise = figures_.fences_rise && event.fencing_token > last;
    last = event.fencing_token;
}

LockFigures LockCounter::figures() const {
    const std::lock_guard lock{mutex_};
    return figures_;
}

}  // namespace orders

#include "core/waiter.hpp"

#include <utility>

namespace leaselock::detail {

std::optional<HandOff> Waiter::take_message() noexcept {
    const MutexLock lock{mutex_};
    return std::exchange(message_, std::nullopt);
}

WakeUp Waiter::handed_over(const HandOff& what) noexcept {
    {
        const MutexLock lock{mutex_};
        if (!message_ || message_->fencing_token < what.fencing_token) message_ = what;
    }
    return wake();
}

bool ThreadWaiter::sleep(Clock& clock, Clock::time_point until, const std::stop_token& stop) {
    const std::stop_callback ring{stop, [this] { wake(); }};
    if (!stop.stop_requested()) clock.sleep_until(until, waker_);
    return !stop.stop_requested();
}

}  // namespace leaselock::detail

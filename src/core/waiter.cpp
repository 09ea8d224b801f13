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

// I/O is waited for by real time, which a clock that is moved by hand does not know.
bool ThreadWaiter::sleep(Clock& clock, Clock::time_point until, const std::stop_token& stop,
                         Backend* backend) {
    const std::stop_callback ring{stop, [this] { wake(); }};
    if (stop.stop_requested()) return false;
    const bool may_read = backend != nullptr && &clock == boot_clock().get();
    if (!may_read || !backend->sleep_until(until, waker_)) clock.sleep_until(until, waker_);
    return !stop.stop_requested();
}

}  // namespace leaselock::detail

#include "manager/waiter.hpp"

#include <utility>

namespace leaselock::detail {

std::optional<HandOff> Waiter::take_message() noexcept {
    const MutexLock lock{mutex_};
    return std::exchange(message_, std::nullopt);
}

void Waiter::handed_over(const HandOff& what) noexcept {
    {
        const MutexLock lock{mutex_};
        if (!message_ || message_->fencing_token < what.fencing_token) message_ = what;
    }
    wake();
}

bool ThreadWaiter::sleep(Clock& clock, Clock::time_point until, const std::stop_token& stop) {
    std::stop_source end;
    const std::stop_callback pass_on{stop, [&end] { end.request_stop(); }};
    bool due = false;
    {
        const MutexLock lock{mutex_};
        asleep_ = end;
        due = rung_;
    }
    if (!due) clock.sleep_until(until, end.get_token());
    const MutexLock lock{mutex_};
    asleep_ = std::stop_source{std::nostopstate};
    rung_ = false;
    return !stop.stop_requested();
}

void ThreadWaiter::wake() noexcept {
    std::stop_source asleep{std::nostopstate};
    {
        const MutexLock lock{mutex_};
        rung_ = true;
        asleep = asleep_;
    }
    asleep.request_stop();
}

}  // namespace leaselock::detail

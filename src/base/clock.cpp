#include <algorithm>
#include <stop_token>
#include <time.h>

#include <leaselock/clock.hpp>

#include "base/undying.hpp"

namespace leaselock {
namespace {

class BootClock final : public Clock {
  public:
    time_point now() const noexcept override {
        timespec ts{};
        ::clock_gettime(CLOCK_BOOTTIME, &ts);
        return time_point{std::chrono::seconds{ts.tv_sec} + std::chrono::nanoseconds{ts.tv_nsec}};
    }

    // A Waker counts on the steady clock, which stops in suspend, so the time is asked again
    // after each nap. Naps of a second, so that a sleep through a suspend is not late by more
    // than that.
    void sleep_until(time_point until, Waker& waker) override {
        const duration nap = until == time_point::max() ? duration::max() : std::chrono::seconds{1};
        for (time_point t = now(); t < until; t = now()) {
            if (waker.wait(std::min(until - t, nap))) return;
        }
    }
};

}  // namespace

bool Clock::sleep_until(time_point until, const std::stop_token& stop) {
    Waker waker;
    const std::stop_callback wakes{stop, [&waker] { waker.wake(); }};
    while (!stop.stop_requested() && now() < until) sleep_until(until, waker);
    return !stop.stop_requested();
}

std::shared_ptr<Clock> boot_clock() {
    static const detail::Undying<std::shared_ptr<Clock>> clock{std::make_shared<BootClock>()};
    return *clock;
}

}  // namespace leaselock

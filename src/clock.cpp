#include <algorithm>
#include <stop_token>
#include <time.h>

#include <leaselock/clock.hpp>

#include "undying.hpp"

namespace leaselock {
namespace {

class BootClock final : public Clock {
  public:
    time_point now() const noexcept override {
        timespec ts{};
        ::clock_gettime(CLOCK_BOOTTIME, &ts);
        return time_point{std::chrono::seconds{ts.tv_sec} + std::chrono::nanoseconds{ts.tv_nsec}};
    }

    bool sleep_until(time_point until, const std::stop_token& stop) override {
        Waker waker;
        const std::stop_callback wakes{stop, [&waker] { waker.wake(); }};
        while (!stop.stop_requested() && now() < until) sleep_until(until, waker);
        return !stop.stop_requested();
    }

    // The condition variable counts on the steady clock, which stands still in suspend, so the
    // time is asked again after each nap. Naps of a second, so that who sleeps through a suspend is
    // not late by more than that; one without an end is bounded too, so that its sum cannot
    // overflow.
    void sleep_until(time_point until, Waker& waker) override {
        constexpr duration nap = std::chrono::seconds{1};
        const duration longest = until == time_point::max() ? longest_nap : nap;
        for (time_point t = now(); t < until; t = now()) {
            if (waker.wait(std::min(until - t, longest))) return;
        }
    }

  private:
    static constexpr duration longest_nap = std::chrono::hours{1};
};

}  // namespace

std::shared_ptr<Clock> boot_clock() {
    static const detail::Undying<std::shared_ptr<Clock>> clock{std::make_shared<BootClock>()};
    return *clock;
}

}  // namespace leaselock

#include "cli/events.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace leaselock::cli {
namespace {

// eventfd and timerfd give a number that is not 0 if there was something.
bool take(const Descriptor& from) noexcept {
    std::uint64_t count = 0;
    return ::read(from.get(), &count, sizeof count) == static_cast<ssize_t>(sizeof count);
}

}  // namespace

Events::Events(const Signals& signals, int input, short input_events)
    : signals_{signals.descriptor()},
      input_{input},
      input_events_{input_events},
      bell_{checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")},
      alarm_{checked(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK),
                     "timerfd_create")} {}

void Events::ring() const noexcept {
    const std::uint64_t one = 1;
    // It fails only if the bell has rung more often than can be counted, and then it rings still.
    if (::write(bell_.get(), &one, sizeof one) < 0) return;
}

void Events::set_alarm(std::chrono::milliseconds left) {
    // A time of 0 would be none.
    const auto ns = std::chrono::nanoseconds{std::max(left, std::chrono::milliseconds{1})}.count();
    itimerspec when{};
    when.it_value.tv_sec = static_cast<time_t>(ns / 1'000'000'000);
    when.it_value.tv_nsec = static_cast<long>(ns % 1'000'000'000);
    checked(::timerfd_settime(alarm_.get(), 0, &when, nullptr), "timerfd_settime");
}

void Events::wait() {
    std::array<pollfd, 4> all{{{signals_, POLLIN, 0},
                               {bell_.get(), POLLIN, 0},
                               {alarm_.get(), POLLIN, 0},
                               {input_, input_events_, 0}}};
    while (::poll(all.data(), all.size(), -1) < 0) {
        if (errno != EINTR) checked(-1, "poll");
    }
}

bool Events::rang() const noexcept { return take(bell_); }
bool Events::is_time() const noexcept { return take(alarm_); }

}  // namespace leaselock::cli

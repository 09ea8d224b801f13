// The few things about sockets that opening and using one have in common. Used by Connection.
//
// Thread-safety: functions without state.
#pragma once

#include <poll.h>

#include <leaselock/clock.hpp>

namespace leaselock::wire {

// Zero if the time has passed; no overflow for any `until`.
[[nodiscard]] inline Clock::duration time_left(const Clock& clock,
                                               Clock::time_point until) noexcept {
    const Clock::time_point now = clock.now();
    return until > now ? until - now : Clock::duration::zero();
}

// Blocks until one of the poll events, or an error or hang-up, shows (true), or the deadline.
[[nodiscard]] bool wait_for(int fd, short events, const Clock& clock,
                            Clock::time_point until) noexcept;

}  // namespace leaselock::wire

#include "wire/socket.hpp"

#include <algorithm>
#include <cerrno>
#include <time.h>

namespace leaselock::wire {

bool wait_for(int fd, short events, const Clock& clock, Clock::time_point until) noexcept {
    // One nap is cut, so that the time of a suspended machine is noticed.
    constexpr Clock::duration longest_nap = std::chrono::seconds{8};
    for (;;) {
        const Clock::duration nap = std::min(time_left(clock, until), longest_nap);
        const auto seconds = std::chrono::floor<std::chrono::seconds>(nap);
        const timespec timeout{seconds.count(), (nap - seconds).count()};
        pollfd entry{fd, events, 0};
        const int n = ::ppoll(&entry, 1, &timeout, nullptr);
        if (n > 0 || (n < 0 && errno != EINTR)) return true;
        if (nap == Clock::duration::zero()) return false;
    }
}

}  // namespace leaselock::wire

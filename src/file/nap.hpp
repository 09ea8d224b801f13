// A sleep that is not for a lock: for another process that is inside its file, which takes
// microseconds, and milliseconds if that process has lost the processor meanwhile, or if hundreds
// want in. Each one is longer than the one before.
//
// Thread-safety: one thread.
#pragma once

#include <algorithm>
#include <chrono>

#include <leaselock/clock.hpp>

namespace leaselock::file {

struct Nap {
    static constexpr std::chrono::microseconds longest{16'000};

    void take(Clock& clock) {
        Waker nobody;
        take(clock, nobody);
    }
    void take(Clock& clock, Waker& waker) {
        clock.sleep_until(clock.now() + length, waker);
        length = std::min(2 * length, longest);
    }

    std::chrono::microseconds length{20};
};

}  // namespace leaselock::file

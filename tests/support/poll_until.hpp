// Waits for what another thread or process does. A test that needs it asserts the answer: the
// deadline only bounds a failure, success does not depend on how long a step takes.
//
// Thread-safety: a function without state.
#pragma once

#include <chrono>
#include <thread>

namespace leaselock::support {

// Asks `condition` every millisecond until it holds (true) or the time is over (its last answer).
template <typename Condition>
[[nodiscard]] bool poll_until(Condition condition,
                              std::chrono::milliseconds limit = std::chrono::seconds{10}) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= deadline) return condition();
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    return true;
}

}  // namespace leaselock::support

// When the next attempt may be made at what has failed: at once at first, later after each failure,
// and a part of it by chance, so that what comes back is not met by a storm.
//
// Thread-safety: one thread at a time.
#pragma once

#include <chrono>
#include <random>

#include <leaselock/clock.hpp>

#include "base/jitter.hpp"

namespace leaselock::detail {

class Backoff {
  public:
    // The first failure costs `first`, each later one twice as much, up to `longest`.
    Backoff(std::chrono::milliseconds first, std::chrono::milliseconds longest)
        : first_{first}, longest_{longest}, jitter_{std::random_device{}()} {}

    // Not before this.
    [[nodiscard]] Clock::time_point next_try() const noexcept { return next_try_; }
    void failed(Clock::time_point now) noexcept {
        ++failures_;
        pause(doubled(first_, failures_, longest_), now);
    }
    void succeeded() noexcept {
        failures_ = 0;
        next_try_ = {};
    }
    // For that time, and up to half of it more.
    void pause(std::chrono::milliseconds time, Clock::time_point now) noexcept {
        next_try_ = saturating_add(now, time / 4 + jitter_(time));
    }

  private:
    std::chrono::milliseconds first_;
    std::chrono::milliseconds longest_;
    Clock::time_point next_try_{};
    int failures_ = 0;
    Jitter jitter_;
};

}  // namespace leaselock::detail

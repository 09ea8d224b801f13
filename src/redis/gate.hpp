// When the next attempt to connect may be made: at once at first, later after each failure, and a
// part of it by chance, so that a dead server is not met by a storm.
//
// Thread-safety: none.
#pragma once

#include <algorithm>
#include <chrono>
#include <random>

#include <leaselock/clock.hpp>

namespace leaselock::redis {

inline constexpr std::chrono::milliseconds first_backoff{10};
inline constexpr std::chrono::milliseconds longest_backoff{250};

class Gate {
  public:
    Gate() : random_{std::random_device{}()} {}

    [[nodiscard]] Clock::time_point opens() const noexcept { return opens_; }
    void open() noexcept {
        failures_ = 0;
        opens_ = {};
    }
    void shut(Clock::time_point now) noexcept {
        const int doublings = std::min(failures_++, 5);
        shut_for(std::min(first_backoff * (1 << doublings), longest_backoff), now);
    }
    // Up to half of the time more.
    void shut_for(std::chrono::milliseconds time, Clock::time_point now) noexcept {
        opens_ = now + time + time * (random_() % 16) / 32;
    }

  private:
    Clock::time_point opens_{};
    int failures_ = 0;
    std::minstd_rand random_;
};

}  // namespace leaselock::redis

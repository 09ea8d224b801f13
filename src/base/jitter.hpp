// Random pauses, so that many waiters do not poll in step.
//
// Thread-safety: one thread at a time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace leaselock::detail {

class Jitter {
  public:
    explicit constexpr Jitter(std::uint32_t seed = 1) noexcept : state_{seed | 1U} {}

    // From 3/4 of `d` to 5/4 of it, and at least 1 ms.
    [[nodiscard]] constexpr std::chrono::milliseconds operator()(
        std::chrono::milliseconds d) noexcept {
        // xorshift32: the quality of these numbers does not matter.
        state_ ^= state_ << 13U;
        state_ ^= state_ >> 17U;
        state_ ^= state_ << 5U;
        const auto span = std::max<std::int64_t>(d.count() / 2, 1);
        const auto shift = static_cast<std::int64_t>(state_) % span;
        return std::max(d - d / 4 + std::chrono::milliseconds{shift}, std::chrono::milliseconds{1});
    }

  private:
    std::uint32_t state_;
};

// first x 2^(failures - 1), at most `longest`.
[[nodiscard]] constexpr std::chrono::milliseconds doubled(std::chrono::milliseconds first,
                                                          int failures,
                                                          std::chrono::milliseconds longest) {
    const std::chrono::milliseconds pause = first * (1 << std::clamp(failures - 1, 0, 20));
    return std::min(pause, longest);
}

}  // namespace leaselock::detail

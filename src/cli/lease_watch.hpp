// When a command has to end because its lock may be lost: as a pure state machine. It is asked to
// end a grace before the end of the lease, and killed at it. Once it was asked nothing saves it, or
// a command that does not listen would go on.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace leaselock::cli {

class LeaseWatch {
  public:
    enum class Measure : std::uint8_t { nothing, terminate, kill };
    struct Next {
        Measure step = Measure::nothing;
        std::chrono::milliseconds alarm{0};  // check again after this time; 0: as it is set
    };

    // A lease that is renewed as it should be has two thirds of its ttl left, so a grace of more
    // than a third would leave no time for a second try.
    LeaseWatch(std::chrono::milliseconds grace, std::chrono::milliseconds ttl) noexcept
        : grace_{std::min(grace, ttl / 3)} {}

    // `left`: how long the lock may still be believed. `is_time`: the alarm went off.
    [[nodiscard]] Next check(std::chrono::milliseconds left, bool is_time) noexcept {
        const bool over = left.count() == 0 || (phase_ == Phase::terminating && is_time);
        if (phase_ == Phase::killed || (phase_ == Phase::terminating && !over)) return {};
        if (over) {
            phase_ = Phase::killed;
            return {Measure::kill};
        }
        if (left > grace_) return {Measure::nothing, left - grace_};
        phase_ = Phase::terminating;
        return {Measure::terminate, left};
    }

    // Whether the command was asked to end, and whether it was killed.
    [[nodiscard]] bool has_told() const noexcept { return phase_ != Phase::held; }
    [[nodiscard]] bool has_killed() const noexcept { return phase_ == Phase::killed; }

  private:
    enum class Phase : std::uint8_t { held, terminating, killed };

    std::chrono::milliseconds grace_;
    Phase phase_ = Phase::held;
};

}  // namespace leaselock::cli

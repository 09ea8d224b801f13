// The wait of a call that acquires in more than one step: how much of it is left for the next step,
// and what ended it, in terms of the call and not of the step.
//
// Thread-safety: an immutable value. Clock and options must outlive it.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

#include <leaselock/clock.hpp>
#include <leaselock/error.hpp>
#include <leaselock/lock_options.hpp>

#include "core/settings.hpp"

namespace leaselock::detail {

class WholeWait {
  public:
    WholeWait(const Clock& clock, const LockOptions& options)
        : clock_{clock},
          options_{options},
          begin_{clock.now()},
          patience_{detail::patience(options)} {}

    // None: the call does not wait.
    [[nodiscard]] std::optional<Clock::time_point> until() const noexcept {
        if (!patience_) return std::nullopt;
        return saturating_add(begin_, *patience_);
    }
    [[nodiscard]] LockOptions rest() const {
        LockOptions rest = options_;
        if (patience_ && *patience_ != forever.value()) {
            rest.wait_timeout =
                std::max<Clock::duration>(*until() - clock_.now(), Clock::duration::zero());
        }
        return rest;
    }

    // What LockNotAcquired says of it; 0 and empty if the call does not wait.
    [[nodiscard]] std::chrono::milliseconds waited() const noexcept {
        if (!patience_) return {};
        return std::chrono::floor<std::chrono::milliseconds>(clock_.now() - begin_);
    }
    [[nodiscard]] std::string limit(Errc error) const {
        return patience_ ? limit_of(options_, error) : std::string{};
    }
    [[noreturn]] void raise(const LockNotAcquired& step) const {
        const auto error = static_cast<Errc>(step.code().value());
        throw LockNotAcquired(error, step.key(), step.owner(), step.remaining(), waited(),
                              limit(error));
    }

  private:
    const Clock& clock_;
    const LockOptions& options_;
    const Clock::time_point begin_;
    const std::optional<std::chrono::milliseconds> patience_;
};

}  // namespace leaselock::detail

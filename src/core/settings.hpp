// What the options of a manager and of a call come to.
//
// Thread-safety: functions without state.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <leaselock/clock.hpp>
#include <leaselock/error.hpp>
#include <leaselock/lock_options.hpp>

#include "core/acquire_machine.hpp"

namespace leaselock::detail {

// Complete: where no owner is given it is the default one. Throws LockError{invalid_option}.
[[nodiscard]] ManagerOptions checked(ManagerOptions options);

// How long a call waits; nothing: it does not. The options are checked.
[[nodiscard]] std::optional<std::chrono::milliseconds> patience(
    const LockOptions& options) noexcept;

// What ended a wait, in words: an option, or the call's stop_token.
[[nodiscard]] std::string limit_of(const LockOptions& options, Errc error);

// The store keeps the lock of a process that died for its ttl, so that covers the min_hold.
[[nodiscard]] Duration ttl_of(const ManagerOptions& manager, const LockOptions& options) noexcept;

// How a call that begins at `now` acquires. `seed`: random bits for jitter.
[[nodiscard]] AcquireMachine::Plan plan(const ManagerOptions& manager, const LockOptions& options,
                                        std::uint32_t seed, Clock::time_point now) noexcept;

}  // namespace leaselock::detail

// One operation, and the calling thread waits for it.
//
// Thread-safety: functions without state.
#pragma once

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>

namespace leaselock::detail {

// Submits the operation and blocks until it is complete: at most until its deadline, or the
// backend's own time-out. Its reply is one that its request can have. Answers the time after it, or
// `submitted` if it was answered at once.
Clock::time_point execute(const Clock& clock, Backend& backend, Operation& operation) noexcept;

}  // namespace leaselock::detail

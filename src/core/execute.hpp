// One operation, and the calling thread waits for it.
//
// Thread-safety: functions without state.
#pragma once

#include <stop_token>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>

namespace leaselock::detail {

// Submits the operation and blocks until it is complete: at most until its deadline, or the
// backend's own time-out, or for twice `patience_of_stopped` from when `stop` is requested. Its
// reply is one that its request can have. Answers the time after it, or `submitted` if it was
// answered at once.
Clock::time_point execute(Clock& clock, Backend& backend, Operation& operation,
                          const std::stop_token& stop = {}) noexcept;

}  // namespace leaselock::detail

// The end of an acquisition: a lease that is held, or none, and a release if the token may owe one.
//
// Thread-safety: of the thread that acquires.
#pragma once

#include <leaselock/clock.hpp>
#include <leaselock/detail/lease_ptr.hpp>
#include <leaselock/lock_options.hpp>

#include "manager/acquire_machine.hpp"
#include "manager/failure.hpp"

namespace leaselock::detail {

struct Span {
    Clock::time_point begin;
    Clock::time_point end;
};

// The lease, which is held now (but for that of a latch, which never is), or null and why. May
// throw bad_alloc, and leaves the lease to the caller then.
[[nodiscard]] LeasePtr conclude(LeasePtr&& lease, const AcquireMachine& machine,
                                const LockOptions& options, Span span, Failure& failure);

// The release that is owed by a token whose acquisition came to nothing.
void settle_debt(LeasePtr lease, const AcquireMachine& machine) noexcept;

}  // namespace leaselock::detail

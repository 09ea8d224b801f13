// The end of an acquisition: whether it was granted, the lease that is held then, and a release if
// the token may owe one.
//
// Thread-safety: of the thread that acquires.
#pragma once

#include <chrono>
#include <cstdint>

#include <leaselock/clock.hpp>
#include <leaselock/detail/lease_ptr.hpp>
#include <leaselock/lock_options.hpp>

#include "core/acquire_machine.hpp"
#include "core/failure.hpp"

namespace leaselock::detail {

struct Span {
    Clock::time_point begin;
    Clock::time_point end;
};

// The lease is held from now on, by that grant; renewals ask for `ttl`. May throw bad_alloc: then
// it is not, and its token owes a release.
void begin_hold(Lease& lease, const Grant& grant, std::chrono::milliseconds ttl,
                const LockOptions& options, Span span, bool handed_over = false);

// The same of a lease that was granted at once, at `now`.
void begin_hold_at_once(Lease& lease, std::uint64_t fencing_token, std::chrono::milliseconds ttl,
                        const LockOptions& options, Clock::time_point now);

// Whether it was granted, and if not, why. A lock's lease is held then; else it is empty: a latch
// that was counted, or is open, gives none. May throw bad_alloc, and has changed nothing then.
[[nodiscard]] bool conclude(LeasePtr& lease, const AcquireMachine& machine,
                            const LockOptions& options, Span span, Failure& failure);

// The release that is owed by a token of which nothing is held.
void settle_debt(LeasePtr lease, const AcquireMachine& machine) noexcept;

}  // namespace leaselock::detail

#include "core/conclusion.hpp"

#include <fmt/format.h>
#include <utility>

#include "core/event.hpp"
#include "core/lease.hpp"
#include "core/runtime.hpp"
#include "core/settings.hpp"

namespace leaselock::detail {
namespace {

// Why it was not granted. A lock that was granted unseen or too late is given back, so nothing
// happened; a count stands.
Errc reason(const AcquireMachine& machine, Claim claim) noexcept {
    const bool may_have_counted = claim.kind() == Claim::Kind::count_down && machine.owes();
    const Family its = family(machine.error());
    if (!may_have_counted || its == Family::unknown) return machine.error();
    return its == Family::refused ? Errc::unexpected_reply : Errc::command_timed_out;
}

void tell_failure(const Lease& lease, const Failure& failure, Clock::time_point now,
                  std::chrono::nanoseconds waited) noexcept {
    Runtime& runtime = lease.runtime();
    const bool contended = failure.contended();
    runtime.lease_task().table().count_failure(lease, contended);
    tell(runtime.notifier(), contended ? &Observer::on_contended : &Observer::on_error, lease,
         failure.error, now, waited, contended ? &failure.owner : nullptr);
}

// A poll whose answer was missed may still run, and take a queue entry for nobody if the latch has
// been reset by then.
void end_latch_call(LeasePtr lease, const AcquireMachine& machine) noexcept {
    const bool waited = lease->claim().kind() == Claim::Kind::await;
    if (waited && machine.unseen()) settle_debt(std::move(lease), machine);
}

}  // namespace

void begin_hold(Lease& lease, const Grant& grant, std::chrono::milliseconds ttl,
                const LockOptions& options, Span span, bool handed_over) {
    Runtime& runtime = lease.runtime();
    const auto waited = span.end - span.begin;
    lease.granted(grant, ttl, options);
    runtime.lease_task().table().add(lease, waited, handed_over);
    tell(runtime.notifier(), &Observer::on_acquired, lease, {}, span.end, waited);
}

void begin_hold_at_once(Lease& lease, std::uint64_t fencing_token, std::chrono::milliseconds ttl,
                        const LockOptions& options, Clock::time_point now) {
    Runtime& runtime = lease.runtime();
    lease.granted({fencing_token, ttl, now, now, true}, ttl, options);
    runtime.lease_task().table().add_at_once(lease);
    tell(runtime.notifier(), &Observer::on_acquired, lease, {}, now);
}

bool conclude(LeasePtr& lease, const AcquireMachine& machine, const LockOptions& options, Span span,
              Failure& failure) {
    Runtime& runtime = lease->runtime();
    if (!runtime.of_this_process(failure)) {
        lease.reset();
        return false;
    }
    const auto waited = span.end - span.begin;
    if (machine.grant() && lease->claim().is_latch()) {
        end_latch_call(std::move(lease), machine);
        return true;
    }
    if (machine.grant()) {
        begin_hold(*lease, *machine.grant(), machine.plan().ttl, options, span,
                   machine.was_handed_over());
        return true;
    }
    failure.error = reason(machine, lease->claim());
    tell_failure(*lease, failure, span.end, waited);
    if (failure.contended()) {
        failure.key = lease->key();
        if (machine.plan().wait) failure.limit = limit_of(options, failure.error);
        failure.waited = std::chrono::floor<std::chrono::milliseconds>(waited);
    } else {
        failure.detail = fmt::format("lock '{}'{}{}", lease->key(),
                                     failure.detail.empty() ? "" : ": ", failure.detail);
    }
    settle_debt(std::move(lease), machine);
    return false;
}

void settle_debt(LeasePtr lease, const AcquireMachine& machine) noexcept {
    Runtime& runtime = lease->runtime();
    if (runtime.origin().is_copied()) return;
    if (machine.grant() || machine.owes()) runtime.lease_task().post(std::move(lease));
}

}  // namespace leaselock::detail

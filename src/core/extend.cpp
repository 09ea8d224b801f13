#include "core/extend.hpp"

#include <utility>

#include "core/execute.hpp"
#include "core/lease.hpp"
#include "core/runtime.hpp"
#include "core/validation.hpp"

namespace leaselock::detail {
namespace {

bool renew(Lease& lease, std::chrono::milliseconds ttl, Clock::time_point now, Failure& failure) {
    Operation operation{{.verb = Verb::renew,
                         .key = lease.full_key(),
                         .prefix = lease.prefix_bytes(),
                         .token = lease.token(),
                         .ttl = ttl,
                         .claim = lease.claim(),
                         .submitted = now,
                         .deadline = lease.deadline()}};
    execute(lease.runtime().clock(), lease.backend(), operation);
    switch (lease.runtime().lease_task().extended(lease, operation)) {
        case HoldMachine::Verdict::renewed: return true;
        case HoldMachine::Verdict::lost: failure.set(Errc::lost, {}); return false;
        case HoldMachine::Verdict::unknown: break;
    }
    failure.set(operation.reply.error, std::move(operation.reply.detail));
    return false;
}

}  // namespace

bool extend(Lease& lease, Duration ttl, Failure& failure) {
    if (!check_ttl("ttl", ttl, failure)) return false;
    if (!lease.held()) {
        failure.set(Errc::lost, {});
        return false;
    }
    Runtime& runtime = lease.runtime();
    runtime.lease_task().table().list(lease);
    const Clock::time_point now = runtime.clock().now();
    if (runtime.lease_task().table().shorten(lease, ttl.value(), now)) {
        runtime.notifier().check(lease);
        return true;
    }
    return renew(lease, ttl.value(), now, failure);
}

// It is a share from here on, whatever becomes of this command.
bool downgrade(Lease& lease, Failure& failure) {
    if (!lease.held()) {
        failure.set(Errc::lost, {});
        return false;
    }
    if (!lease.claim().is_exclusive()) {
        failure.set(Errc::invalid_option, "downgrade of a share, allowed is that of a whole lock");
        return false;
    }
    Runtime& runtime = lease.runtime();
    runtime.lease_task().table().list(lease);
    const Clock::time_point now = runtime.clock().now();
    lease.become_reader();
    return renew(lease, runtime.lease_task().table().ttl_of(lease), now, failure);
}

}  // namespace leaselock::detail

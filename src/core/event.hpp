// What an observer is notified of, of a lease.
//
// Thread-safety: as the lease's constant parts.
#pragma once

#include <new>
#include <string>

#include <leaselock/observer.hpp>

#include "core/failure.hpp"
#include "core/lease.hpp"
#include "core/notifier.hpp"

namespace leaselock::detail {

// Without memory the event is one without texts.
[[gnu::noinline]] inline void tell_observer(Notifier& notifier, Notifier::Tell what,
                                            const Lease& lease, Errc error, Clock::time_point now,
                                            std::chrono::nanoseconds waited,
                                            const std::string* holder, int attempts) noexcept {
    LockEvent event{};
    try {
        event.key = lease.key();
        event.key_template = lease.key_template();
        event.owner = holder != nullptr ? *holder : lease.owner();
    } catch (const std::bad_alloc&) {
        // The numbers are still worth it.
    }
    event.fencing_token = lease.fencing_token();
    event.waited = waited;
    if (lease.fencing_token() != 0) event.held = now - lease.granted_at();
    event.error = error;
    event.attempts = attempts;
    notifier.tell(what, std::move(event));
}

// Costs nothing if nobody observes.
inline void tell(Notifier& notifier, Notifier::Tell what, const Lease& lease, Errc error,
                 Clock::time_point now, std::chrono::nanoseconds waited = {},
                 const std::string* holder = nullptr) noexcept {
    if (!notifier.observed()) return;
    tell_observer(notifier, what, lease, error, now, waited, holder, 0);
}

// The attempts are read for this event alone: of a lease that is not the clean-up's alone another
// thread may be writing them.
inline void tell_cleanup(Notifier& notifier, const Lease& lease, Errc error,
                         Clock::time_point now) noexcept {
    if (!notifier.observed()) return;
    tell_observer(notifier, &Observer::on_cleanup, lease, error, now, {}, nullptr,
                  lease.duty.attempts);
}

// For the end of a holder whose lease was lost: a function under DISTRIBUTED_LOCK, or another.
inline void tell_ended_after_loss(Notifier& notifier, const Lease& lease,
                                  Clock::time_point now) noexcept {
    if (!lease.is_annotated() || lease.origin().is_copied()) return;
    tell(notifier, &Observer::on_ended_after_loss, lease, Errc::lost, now);
}

}  // namespace leaselock::detail

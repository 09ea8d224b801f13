// How the holder of a lease is notified of its loss.
//
// Thread-safety: of the guard's thread, as the guard.
#pragma once

#include <stop_token>

namespace leaselock::detail {

class Lease;

// Fires when the lock is lost, on the Notifier's thread. May throw bad_alloc, and
// LockError{no_thread}.
[[nodiscard]] std::stop_token lost_signal(Lease& lease);

// That source, which nobody else has yet, fires with it. Throws as lost_signal().
void pass_loss_on(Lease& lease, const std::stop_source& to);

}  // namespace leaselock::detail

// The first lock that was acquired of a default manager which nobody has set: a call that named no
// manager, and may have meant one. Observers of all other managers are notified of it.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <leaselock/observer.hpp>

namespace leaselock::detail {

class Lease;

// The first lease is kept; without memory the next one is.
void note_unset_default(const Lease& lease) noexcept;
// Null: there is none. Else it stays for good.
[[nodiscard]] const LockEvent* unset_default() noexcept;

}  // namespace leaselock::detail

// Whether an acquisition gave a guard, which is released at once: for tests, where that is what is
// asked. Found by its argument.
//
// Thread-safety: a function without shared state.
#pragma once

namespace leaselock {

// Of an Acquired, or an optional, of a guard.
template <class Lock>
[[nodiscard]] bool granted(const Lock& lock) noexcept {
    return lock.has_value();
}

}  // namespace leaselock

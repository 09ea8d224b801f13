// Whether a tool watches how this process uses its heap: a sanitizer, or valgrind. What is kept for
// the next time instead of being freed would hide from it a use that comes too late.
//
// Thread-safety: a function without state.
#pragma once

namespace leaselock::detail {

// The same at each call. Asks the loader at the first one.
[[nodiscard]] bool is_memory_checked() noexcept;

}  // namespace leaselock::detail

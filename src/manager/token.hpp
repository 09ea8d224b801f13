// The random half of an owner token.
#pragma once

#include <cstddef>

namespace leaselock::detail {

inline constexpr std::size_t token_digits = 32;

// Writes 32 hexadecimal digits, 128 random bits, at `out`. Each thread has a generator of its own:
// ChaCha8 with a key from getrandom(2), which is replaced with every block it gives (so nothing
// that was given can be computed later), and drawn anew from the kernel after a fork, so that
// parent and child never give the same token. Does not block once the kernel's pool is ready.
// Aborts if the kernel refuses: a lock with a guessable token is none.
void write_random_digits(char* out) noexcept;

// How often this process has been forked off since it began: what a lease remembers, so that the
// copy of a guard in a child process is known to be one.
[[nodiscard]] unsigned fork_count() noexcept;

}  // namespace leaselock::detail

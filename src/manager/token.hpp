// The random half of an owner token.
#pragma once

#include <cstddef>

namespace leaselock::detail {

inline constexpr std::size_t token_digits = 32;

// Writes 32 hexadecimal digits, 128 bits from getrandom(2), at `out`. Drawn in blocks per thread,
// since a system call for each acquisition costs more than the acquisition; a block is dropped in a
// forked child, so that parent and child never draw the same token. Does not block once the
// kernel's pool is ready. Aborts if the kernel refuses: a lock with a guessable token is none.
void write_random_digits(char* out) noexcept;

}  // namespace leaselock::detail

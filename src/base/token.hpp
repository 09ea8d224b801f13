// The random half of an owner token.
#pragma once

#include <leaselock/detail/token_text.hpp>

namespace leaselock::detail {

// Writes 128 random bits, of token_bits_bytes, at `out`. Each thread has a generator of its own:
// ChaCha8 with a key from getrandom(2), into which the kernel mixes new randomness for every block.
// So nothing that was given can be computed later, and two copies of a process, as two restored
// images of a machine, part with their next blocks, though nothing has shown them that they are
// copies. Where that is known, in a child and after invalidate_copies(), the key is drawn again,
// and no token is given twice. Does not block once the kernel's pool is ready. Aborts if the kernel
// refuses: a lock with a guessable token is none.
void write_random_bits(char* out) noexcept;
// The same as text, of token_digits.
void write_random_digits(char* out) noexcept;

}  // namespace leaselock::detail

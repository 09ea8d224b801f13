// The random half of an owner token: 128 bits, and the hexadecimal digits that they become where
// somebody asks for the token as text. Not for users.
//
// Thread-safety: functions without state.
#pragma once

#include <array>
#include <cstddef>

namespace leaselock::detail {

inline constexpr std::size_t token_digits = 32;
// Until they are digits, the bits lie in the last bytes of the place for these.
inline constexpr std::size_t token_bits_bytes = token_digits / 2;

// All bytes at once: loops of a fixed length without branches, which compilers turn into a few
// vector instructions. `bits` may lie among `digits`: they are read before.
inline void write_digits(const char* bits, char* digits) noexcept {
    std::array<unsigned char, token_digits> nibbles;
    for (std::size_t i = 0; i < token_bits_bytes; ++i) {
        const auto byte = static_cast<unsigned char>(bits[i]);
        nibbles[2 * i] = byte >> 4U;
        nibbles[2 * i + 1] = byte & 15U;
    }
    for (std::size_t i = 0; i < token_digits; ++i) {
        const int beyond_nine = nibbles[i] > 9 ? 'a' - '0' - 10 : 0;
        digits[i] = static_cast<char>(nibbles[i] + '0' + beyond_nine);
    }
}

}  // namespace leaselock::detail

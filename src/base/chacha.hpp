// The ChaCha block function of RFC 8439, section 2.3, four blocks at a time, with a choice of
// rounds: the RFC has 20; 8 are what is advised for speed by Aumasson, "Too Much Crypto", 2019.
//
// Why not the kernel alone: 16 bytes of getrandom(2), drawn in blocks of 4 KiB, were measured at
// 78 ns, four fifths of what a lock in memory costs by hand. Only src/base/token.cpp uses it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace leaselock::detail {

inline constexpr std::size_t chacha_block_bytes = 64;
using ChaChaKey = std::array<std::uint32_t, 8>;
using ChaChaNonce = std::array<std::uint32_t, 3>;

// Writes the blocks of the counters `counter` to `counter` + 3, word by word: the first words of
// the four, then their second words, and so on, in the byte order of the machine. `rounds` is even.
void chacha_blocks(int rounds, const ChaChaKey& key, std::uint32_t counter,
                   const ChaChaNonce& nonce,
                   std::span<unsigned char, 4 * chacha_block_bytes> out) noexcept;

}  // namespace leaselock::detail

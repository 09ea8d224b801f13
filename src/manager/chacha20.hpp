// The ChaCha20 block function of RFC 8439, section 2.3, four blocks at a time.
//
// Why not the kernel alone: 16 bytes of getrandom(2), drawn in blocks of 4 KiB, were measured at
// 78 ns, two thirds of what a lock in memory costs by hand; with this they cost under 10 ns. Only
// src/manager/token.cpp uses it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace leaselock::detail {

inline constexpr std::size_t chacha20_block_bytes = 64;
using ChaChaKey = std::array<std::uint32_t, 8>;
using ChaChaNonce = std::array<std::uint32_t, 3>;

// Writes the blocks of the counters `counter` to `counter` + 3. Words are little-endian in memory.
void chacha20_blocks(const ChaChaKey& key, std::uint32_t counter, const ChaChaNonce& nonce,
                     std::span<unsigned char, 4 * chacha20_block_bytes> out) noexcept;

}  // namespace leaselock::detail

// In which slot of a Redis cluster a key lies, after the definition of Redis and without a line of
// the library, so that tests can hold the library against it.
//
// Thread-safety: a function without state.
#pragma once

#include <cstdint>
#include <string_view>

namespace leaselock::support {

// CRC-16/XMODEM over the part between the first '{' and the first '}' after it, or over all of the
// key if there is no such part or it is empty.
[[nodiscard]] inline std::uint16_t cluster_slot(std::string_view key) noexcept {
    const std::size_t open = key.find('{');
    if (open != std::string_view::npos) {
        const std::size_t close = key.find('}', open + 1);
        if (close != std::string_view::npos && close != open + 1) {
            key = key.substr(open + 1, close - open - 1);
        }
    }
    unsigned crc = 0;
    for (const char byte : key) {
        crc ^= static_cast<unsigned>(static_cast<unsigned char>(byte)) << 8U;
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc & 0x8000U) != 0 ? (crc << 1U) ^ 0x1021U : crc << 1U;
        }
        crc &= 0xFFFFU;
    }
    return static_cast<std::uint16_t>(crc % 16384U);
}

}  // namespace leaselock::support

// The hash slots of a Redis Cluster, and letters that lead to one.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace leaselock::redis {

inline constexpr std::uint16_t last_slot = 0x3fff;

// What the server hashes of a key: between the first '{' and the first '}' after it, if there is
// anything; empty: all of the key.
[[nodiscard]] constexpr std::string_view hash_tag(std::string_view key) noexcept {
    const std::size_t open = key.find('{');
    if (open == std::string_view::npos) return {};
    const std::size_t close = key.find('}', open);
    if (close == std::string_view::npos) return {};
    return key.substr(open + 1, close - open - 1);
}

namespace crc {

constexpr std::array<std::uint16_t, 256> make_table() noexcept {
    std::array<std::uint16_t, 256> table{};
    for (unsigned byte = 0; byte < table.size(); ++byte) {
        unsigned crc = byte << 8U;
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc & 0x8000U) != 0 ? crc << 1U ^ 0x1021U : crc << 1U;
        }
        table[byte] = static_cast<std::uint16_t>(crc);
    }
    return table;
}
inline constexpr auto table = make_table();

}  // namespace crc

// CRC16 as of XMODEM, from the one of the text before.
[[nodiscard]] constexpr std::uint16_t crc16(std::string_view text, std::uint16_t crc = 0) noexcept {
    for (const char each : text) {
        const auto index = static_cast<std::uint8_t>((crc >> 8U) ^ static_cast<std::uint8_t>(each));
        crc = static_cast<std::uint16_t>(static_cast<std::uint16_t>(crc << 8U) ^ crc::table[index]);
    }
    return crc;
}

[[nodiscard]] constexpr std::uint16_t hash_slot(std::string_view key) noexcept {
    const std::string_view tag = hash_tag(key);
    return crc16(tag.empty() ? key : tag) & last_slot;
}

// Letters of h to w and H to W.
using SlotLetters = std::array<char, 3>;
// Those with which a text whose CRC is `head`, followed by them, is in the slot. A CRC is linear in
// its bits, so fourteen of the letters' bits, each with the slot's bits that it turns over, give
// every slot by an exclusive or.
[[nodiscard]] SlotLetters letters_for(std::uint16_t head, std::uint16_t slot) noexcept;

}  // namespace leaselock::redis

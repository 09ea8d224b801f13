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

using Table = std::array<std::uint16_t, 256>;

// Of each byte, with so many zeros after it.
constexpr Table make_table(int zeros) noexcept {
    Table table{};
    for (unsigned byte = 0; byte < table.size(); ++byte) {
        unsigned crc = byte << 8U;
        for (int bit = 0; bit < 8 * (1 + zeros); ++bit) {
            crc = (crc & 0x8000U) != 0 ? crc << 1U ^ 0x1021U : crc << 1U;
        }
        table[byte] = static_cast<std::uint16_t>(crc);
    }
    return table;
}
inline constexpr Table last = make_table(0);
inline constexpr Table next_to_last = make_table(1);

}  // namespace crc

// CRC16 as of XMODEM, from the one of the text before; two bytes at a time.
[[nodiscard]] constexpr std::uint16_t crc16(std::string_view text, std::uint16_t crc = 0) noexcept {
    const auto index = [](unsigned part, char byte) {
        return static_cast<std::uint8_t>(part ^ static_cast<std::uint8_t>(byte));
    };
    std::size_t at = 0;
    for (; at + 1 < text.size(); at += 2) {
        crc = crc::next_to_last[index(crc >> 8U, text[at])] ^ crc::last[index(crc, text[at + 1])];
    }
    if (at == text.size()) return crc;
    const unsigned shifted = static_cast<unsigned>(crc) << 8U;
    return static_cast<std::uint16_t>(shifted ^ crc::last[index(crc >> 8U, text[at])]);
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

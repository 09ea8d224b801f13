// Whether a text is UTF-8, as labels of metrics and JSON must be, and its characters.
#pragma once

#include <cstddef>
#include <string_view>

namespace leaselock::detail {

// The length of the character that the text begins with; 0: it begins with none. By the table of
// well-formed sequences in the Unicode Standard, 3-7: what is too long, a surrogate, or above
// U+10FFFF shows in the second byte.
[[nodiscard]] constexpr std::size_t character_bytes(std::string_view text) noexcept {
    const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return 1;
    const std::size_t bytes = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (lead < 0xC2 || lead > 0xF4 || bytes > text.size()) return 0;
    const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (byte(1) < low || byte(1) > high) return 0;
    for (std::size_t i = 2; i < bytes; ++i) {
        if ((byte(i) & 0xC0U) != 0x80U) return 0;
    }
    return bytes;
}

// The number of a character of that length, which is all of the text.
[[nodiscard]] constexpr char32_t code_point(std::string_view character) noexcept {
    const unsigned lead = static_cast<unsigned char>(character[0]);
    if (character.size() == 1) return lead;
    char32_t point = lead & (0xFFU >> (character.size() + 1));
    for (const char c : character.substr(1)) {
        point = point << 6U | (static_cast<unsigned char>(c) & 0x3FU);
    }
    return point;
}

[[nodiscard]] constexpr bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        const std::size_t bytes = character_bytes(text);
        if (bytes == 0) return false;
        text.remove_prefix(bytes);
    }
    return true;
}

}  // namespace leaselock::detail

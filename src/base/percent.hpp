// Bytes of a text as a percent sign and two hex digits, and back: in URLs, and in names of files.
//
// Thread-safety: functions without state.
#pragma once

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace leaselock::base {

// `is_kept(byte, at)`: that byte, at that place of the text, stands for itself.
template <class IsKept>
[[nodiscard]] std::string percent_encoded(std::string_view text, const IsKept& is_kept) {
    constexpr std::string_view hex = "0123456789ABCDEF";
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        const auto byte = static_cast<unsigned char>(text[at]);
        if (is_kept(text[at], at)) {
            out += text[at];
        } else {
            out += {'%', hex[byte / 16], hex[byte % 16]};
        }
    }
    return out;
}

// Empty: after a percent sign there are no two hex digits.
[[nodiscard]] inline std::optional<std::string> percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            out += text[at];
            continue;
        }
        const std::string_view digits = text.substr(at + 1, 2);
        const char* const end = digits.data() + digits.size();
        unsigned char byte = 0;
        const auto [stop, error] = std::from_chars(digits.data(), end, byte, 16);
        if (digits.size() != 2 || stop != end || error != std::errc{}) return std::nullopt;
        out += static_cast<char>(byte);
        at += 2;
    }
    return out;
}

}  // namespace leaselock::base

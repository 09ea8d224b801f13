// How long the RESP message at the front of some bytes is: enough to tell messages apart, no more.
//
// Thread-safety: functions without state.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace leaselock::support {

// Empty: not complete yet. Bytes that are not RESP are one message, as they are.
[[nodiscard]] inline std::optional<std::size_t> resp_length(std::string_view text) {
    if (text.empty()) return std::nullopt;
    if (std::string_view{"+-:$*"}.find(text[0]) == std::string_view::npos) return text.size();
    const std::size_t line = text.find("\r\n");
    if (line == std::string_view::npos) return std::nullopt;
    std::size_t length = line + 2;
    std::int64_t count = -1;
    std::from_chars(text.data() + 1, text.data() + line, count);
    if (text[0] == '$' && count >= 0) length += static_cast<std::size_t>(count) + 2;
    for (std::int64_t i = 0; text[0] == '*' && i < count; ++i) {
        const auto element = resp_length(text.substr(length));
        if (!element) return std::nullopt;
        length += *element;
    }
    if (length > text.size()) return std::nullopt;
    return length;
}

}  // namespace leaselock::support

#include "cli/json.hpp"

#include <fmt/format.h>

#include <leaselock/detail/utf8.hpp>
#include <leaselock/printable.hpp>

namespace leaselock::cli {
std::string json_string(std::string_view text) {
    std::string result = "\"";
    while (!text.empty()) {
        const std::size_t length = leaselock::detail::character_bytes(text);
        const char first = text[0];
        if (length == 0) {
            result += "\\ufffd";
        } else if (first == '"' || first == '\\') {
            result += {'\\', first};
        } else if (const auto character = text.substr(0, length);
                   printable(character) == character) {
            result += character;
        } else {
            // Of three bytes at most.
            const char32_t point = leaselock::detail::code_point(character);
            result += fmt::format("\\u{:04x}", static_cast<unsigned>(point));
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return result + '"';
}

}  // namespace leaselock::cli

#include "cli/json.hpp"

#include <fmt/core.h>

#include <leaselock/detail/utf8.hpp>

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
        } else if (length == 1 && (first < ' ' || first == '\x7f')) {
            result += fmt::format("\\u{:04x}", static_cast<unsigned char>(first));
        } else {
            result += text.substr(0, length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return result + '"';
}

}  // namespace leaselock::cli

#include "cli/json.hpp"

#include <array>
#include <fmt/core.h>

#include <leaselock/detail/utf8.hpp>
#include <leaselock/printable.hpp>

namespace leaselock::cli {
namespace {

// What is not printable has three bytes at most.
std::string escaped(std::string_view character) {
    constexpr std::array<unsigned, 4> lead{0, 0x7F, 0x1F, 0x0F};
    unsigned point = static_cast<unsigned char>(character[0]) & lead.at(character.size());
    for (const char c : character.substr(1)) {
        point = point << 6U | (static_cast<unsigned char>(c) & 0x3FU);
    }
    return fmt::format("\\u{:04x}", point);
}

}  // namespace

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
            result += escaped(character);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return result + '"';
}

}  // namespace leaselock::cli

#include <leaselock/detail/utf8.hpp>
#include <leaselock/printable.hpp>

namespace leaselock {
namespace {

// Those of more than three bytes all show.
bool shows(std::string_view character, std::string_view also) noexcept {
    const char first = character[0];
    if (character.size() == 1) {
        return first >= ' ' && first != '\x7f' && also.find(first) == std::string_view::npos;
    }
    if (character.size() > 3) return true;
    const char32_t c = detail::code_point(character);
    return c > 0x9F && c != 0x61C && c != 0x200E && c != 0x200F && (c < 0x2028 || c > 0x202E) &&
           (c < 0x2066 || c > 0x2069);
}

}  // namespace

std::string printable(std::string_view text, std::string_view also) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string result;
    while (!text.empty()) {
        const std::size_t length = detail::character_bytes(text);
        const std::string_view bytes = text.substr(0, length == 0 ? 1 : length);
        text.remove_prefix(bytes.size());
        if (length != 0 && shows(bytes, also)) {
            result += bytes;
            continue;
        }
        for (const char c : bytes) {
            const auto byte = static_cast<unsigned char>(c);
            result += {'\\', 'x', digits[byte / 16], digits[byte % 16]};
        }
    }
    return result;
}

}  // namespace leaselock

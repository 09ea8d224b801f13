#include "file/names.hpp"

#include <charconv>
#include <fmt/core.h>

namespace leaselock::file {
namespace {

constexpr std::size_t longest = 255;
constexpr std::string_view cut_mark = "%-";

bool stands_for_itself(char c, std::size_t at) noexcept {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return letter || c == '_' || c == ':' || c == '-' || (c == '.' && at > 0);
}

}  // namespace

std::string name_of(std::string_view key) {
    std::string name;
    name.reserve(key.size());
    for (std::size_t at = 0; at < key.size(); ++at) {
        if (stands_for_itself(key[at], at)) {
            name += key[at];
        } else {
            name += fmt::format("%{:02X}", static_cast<unsigned char>(key[at]));
        }
    }
    if (name.size() <= longest) return name;
    const std::string end = fmt::format("{}{:016x}", cut_mark, hash_of(key));
    name.resize(longest - end.size());
    return name + end;
}

std::optional<std::string> key_of(std::string_view name) {
    if (!is_of_lock(name)) return std::nullopt;
    std::string key;
    for (std::size_t at = 0; at < name.size(); ++at) {
        if (name[at] != '%') {
            key += name[at];
            continue;
        }
        const std::string_view digits = name.substr(at + 1, 2);
        unsigned char byte = 0;
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
        if (error != std::errc{} || end != digits.data() + 2) return std::nullopt;
        key += static_cast<char>(byte);
        at += 2;
    }
    return key;
}

}  // namespace leaselock::file

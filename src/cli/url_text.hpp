// Where secrets stand in a text with a URL in it, which nobody is to see: user and password, and
// the password for Sentinels.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace leaselock::cli {

// From the first to the second; the same if there are none.
inline std::pair<std::size_t, std::size_t> user_in(std::string_view text) {
    const std::size_t scheme = text.find("://");
    const std::size_t host = text.rfind('@');
    if (host == text.npos || scheme >= host) return {0, 0};
    return {scheme + 3, host};
}

inline std::pair<std::size_t, std::size_t> option_in(std::string_view text) {
    constexpr std::string_view name = "sentinel_password=";
    const std::size_t at = text.find(name);
    if (at == text.npos) return {0, 0};
    return {at + name.size(), std::min(text.find('&', at), text.size())};
}

inline std::array<std::pair<std::size_t, std::size_t>, 2> secrets_in(std::string_view text) {
    return {user_in(text), option_in(text)};
}

inline std::string without_secrets(std::string text) {
    for (const auto& [begin, end] : secrets_in(text)) {
        text.replace(begin, end - begin, end - begin, '*');
    }
    return text;
}

}  // namespace leaselock::cli

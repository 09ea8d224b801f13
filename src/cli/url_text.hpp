// Where user and password stand in a text with a URL in it, which nobody is to see.
#pragma once

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

inline std::string without_user(std::string text) {
    const auto [begin, end] = user_in(text);
    return text.replace(begin, end - begin, end - begin, '*');
}

}  // namespace leaselock::cli

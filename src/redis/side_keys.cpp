#include "redis/side_keys.hpp"

namespace leaselock::redis {
namespace {

constexpr std::string_view separator = ":ll:";
constexpr std::string_view reserved = "fqwhFQWH";

// As the server finds it: between the first '{' and the first '}' behind it, if not empty.
bool has_tag(std::string_view key) noexcept {
    const std::size_t open = key.find('{');
    if (open == std::string_view::npos) return false;
    const std::size_t close = key.find('}', open);
    return close != std::string_view::npos && close > open + 1;
}

bool ends_like_a_side_key(std::string_view key) noexcept {
    if (key.size() <= separator.size()) return false;
    const std::string_view tail = key.substr(key.size() - separator.size() - 1);
    return tail.substr(0, separator.size()) == separator &&
           reserved.find(tail.back()) != std::string_view::npos;
}

}  // namespace

std::string_view key_fault(std::string_view key) noexcept {
    if (ends_like_a_side_key(key)) return "ends in ':ll:' and one of fqwhFQWH, which is reserved";
    if (key.find('}') != std::string_view::npos && !has_tag(key)) {
        return "has a '}' but no hash tag, so its slot has no room for its fence";
    }
    return {};
}

SideKeys::SideKeys(std::string_view key) noexcept : tagged_{has_tag(key)} {}

std::string_view SideKeys::after(SideKey which) const noexcept {
    switch (which) {
        case SideKey::fence: return tagged_ ? ":ll:F" : "}:ll:f";
        case SideKey::queue: return tagged_ ? ":ll:Q" : "}:ll:q";
        case SideKey::waiters: return tagged_ ? ":ll:W" : "}:ll:w";
        case SideKey::holders: break;
    }
    return tagged_ ? ":ll:H" : "}:ll:h";
}

std::string side_key(std::string_view key, SideKey which) {
    const SideKeys names{key};
    std::string result{names.before()};
    result += key;
    result += names.after(which);
    return result;
}

}  // namespace leaselock::redis

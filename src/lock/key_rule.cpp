#include "lock/key_rule.hpp"

namespace leaselock::detail {
namespace {

constexpr std::string_view separator = ":ll:";
constexpr std::string_view reserved = "fqwhFQWH";

// As the names of what a store keeps beside a lock do.
bool ends_like_a_side_key(std::string_view key) noexcept {
    if (key.size() <= separator.size()) return false;
    const std::string_view tail = key.substr(key.size() - separator.size() - 1);
    return tail.substr(0, separator.size()) == separator &&
           reserved.find(tail.back()) != std::string_view::npos;
}

}  // namespace

bool has_hash_tag(std::string_view key) noexcept {
    const std::size_t open = key.find('{');
    if (open == std::string_view::npos) return false;
    const std::size_t close = key.find('}', open);
    return close != std::string_view::npos && close > open + 1;
}

std::string_view key_fault(std::string_view key) noexcept {
    if (ends_like_a_side_key(key)) return "ends in ':ll:' and one of fqwhFQWH, which is reserved";
    const std::size_t open = key.find('{');
    if (open != std::string_view::npos && key.find("{{", open) != std::string_view::npos) {
        return "has '{{', as a key template: LEASELOCK_KEY, LEASELOCK_GUARD, DISTRIBUTED_LOCK and "
               "KeyTemplate put the values in";
    }
    if (key.find('}') != std::string_view::npos && !has_hash_tag(key)) {
        return "has a '}' but no hash tag, {...}, before it";
    }
    return {};
}

}  // namespace leaselock::detail

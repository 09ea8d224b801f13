#include "lock/key_rule.hpp"

#include <algorithm>

namespace leaselock::detail {
namespace {

constexpr std::string_view separator = ":ll:";
constexpr std::string_view reserved = "cfqwhCFQWH";
constexpr std::string_view digits = "0123456789";

// As the names of what a store keeps beside locks do: `:ll:`, the number of a version if it has
// one, and a letter; after that of a counter `:` and three more.
bool ends_like_a_side_key(std::string_view key) noexcept {
    const std::size_t at = key.rfind(separator);
    if (at == std::string_view::npos) return false;
    std::string_view tail = key.substr(at + separator.size());
    tail.remove_prefix(std::min(tail.find_first_not_of(digits), tail.size()));
    if (tail.empty() || reserved.find(tail.front()) == std::string_view::npos) return false;
    return tail.size() == 1 || (tail.size() == 5 && tail.starts_with("c:"));
}

}  // namespace

bool has_hash_tag(std::string_view key) noexcept {
    const std::size_t open = key.find('{');
    if (open == std::string_view::npos) return false;
    const std::size_t close = key.find('}', open);
    return close != std::string_view::npos && close > open + 1;
}

std::string_view key_fault(std::string_view key) noexcept {
    if (ends_like_a_side_key(key)) {
        return "ends in ':ll:', a number and one of cfqwhCFQWH, which is reserved";
    }
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

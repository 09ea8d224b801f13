#include "lock/key_rule.hpp"

#include <algorithm>
#include <cstdint>

#include <leaselock/detail/text_hash.hpp>

namespace leaselock::detail {
namespace {

constexpr std::string_view separator = ":ll:";
constexpr std::string_view reserved = "cfqwhCFQWH";
constexpr std::string_view digits = "0123456789";

// Seen by the last bytes alone.
bool may_end_like_a_side_key(std::string_view key) noexcept {
    const std::size_t size = key.size();
    if (size < 2) return false;
    const char before = key[size - 2];
    const bool may_be_letter = before == ':' || (before >= '0' && before <= '9');
    return (may_be_letter && reserved.find(key.back()) != std::string_view::npos) ||
           (size >= 5 && key[size - 5] == 'c' && key[size - 4] == ':');
}

// Whether the text has a '{' or a '}'.
bool has_brace(std::string_view text) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101U;
    constexpr auto zeros = [](std::uint64_t word) { return (word - ones) & ~word; };
    std::uint64_t found = 0;
    each_word(text, [&](std::uint64_t word) {
        found |= zeros(word ^ ('{' * ones)) | zeros(word ^ ('}' * ones));
    });
    return (found & (128 * ones)) != 0;
}

// As the names of what a store keeps beside locks do: `:ll:`, the number of a version if it has
// one, and a letter; after that of a counter `:` and three more.
bool ends_like_a_side_key(std::string_view key) noexcept {
    if (!may_end_like_a_side_key(key)) return false;
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
    if (!has_brace(key)) return {};
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

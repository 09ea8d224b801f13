#include "lock/key_rule.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace leaselock::detail {
namespace {

constexpr std::string_view separator = ":ll:";
constexpr std::string_view digits = "0123456789";

// Of cfqwhCFQWH.
bool is_reserved(char letter) noexcept {
    switch (letter) {
        case 'c':
        case 'f':
        case 'q':
        case 'w':
        case 'h':
        case 'C':
        case 'F':
        case 'Q':
        case 'W':
        case 'H': return true;
        default: return false;
    }
}

// Seen by the last bytes alone.
bool may_end_like_a_side_key(std::string_view key) noexcept {
    const std::size_t size = key.size();
    if (size < 2) return false;
    const char before = key[size - 2];
    const bool may_be_letter = before == ':' || (before >= '0' && before <= '9');
    return (may_be_letter && is_reserved(key.back())) ||
           (size >= 5 && key[size - 5] == 'c' && key[size - 4] == ':');
}

// As the names of what a store keeps beside locks do: `:ll:`, the number of a version if it has
// one, and a letter; after that of a counter `:` and three more.
bool ends_like_a_side_key(std::string_view key) noexcept {
    if (!may_end_like_a_side_key(key)) return false;
    const std::size_t at = key.rfind(separator);
    if (at == std::string_view::npos) return false;
    std::string_view tail = key.substr(at + separator.size());
    tail.remove_prefix(std::min(tail.find_first_not_of(digits), tail.size()));
    if (tail.empty() || !is_reserved(tail.front())) return false;
    return tail.size() == 1 || (tail.size() == 5 && tail.starts_with("c:"));
}

using Bytes = unsigned char __attribute__((vector_size(16)));

Bytes bytes_at(const char* at) noexcept {
    Bytes bytes;
    std::memcpy(&bytes, at, sizeof bytes);
    return bytes;
}

// Of each byte, whether it is a brace, or below 14.
Bytes doubts(Bytes bytes) noexcept { return Bytes((bytes == '{') | (bytes == '}') | (bytes < 14)); }

bool is_none(Bytes found) noexcept {
    using Halves = std::uint64_t __attribute__((vector_size(16)));
    const auto halves = Halves(found);
    return (halves[0] | halves[1]) == 0;
}

// Of one that is shorter than 16 bytes; apart from others, which need no memory to be copied to.
[[gnu::noinline]] bool is_plain_short(std::string_view text) noexcept {
    Bytes bytes = Bytes{} + 'a';
    std::memcpy(&bytes, text.data(), text.size());
    return is_none(doubts(bytes));
}

}  // namespace

bool has_hash_tag(std::string_view key) noexcept {
    const std::size_t open = key.find('{');
    if (open == std::string_view::npos) return false;
    const std::size_t close = key.find('}', open);
    return close != std::string_view::npos && close > open + 1;
}

// 16 bytes at a time, of which the last may have been there before.
bool is_plain(std::string_view text) noexcept {
    if (text.size() < sizeof(Bytes)) return is_plain_short(text);
    Bytes found{};
    const char* const last = text.data() + text.size() - sizeof found;
    for (const char* at = text.data(); at < last; at += sizeof found) found |= doubts(bytes_at(at));
    return is_none(found | doubts(bytes_at(last)));
}

// With one that is shorter the prefix would be a part of how the whole key ends.
bool is_beyond_doubt(std::string_view key) noexcept {
    constexpr std::size_t longest_side_end = 5;
    return key.size() >= longest_side_end && !may_end_like_a_side_key(key) && is_plain(key);
}

std::string_view key_fault(std::string_view key) noexcept {
    if (is_beyond_doubt(key)) return {};
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

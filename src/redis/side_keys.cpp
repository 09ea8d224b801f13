#include "redis/side_keys.hpp"

#include <algorithm>

#include "lock/key_rule.hpp"
#include "redis/hash_slot.hpp"

namespace leaselock::redis {
namespace {

constexpr std::string_view counter_stem = ":ll:2c:";
constexpr std::string_view tagged_counter = ":ll:2C";

}  // namespace

SideKeys::SideKeys(std::string_view key, std::size_t prefix) noexcept
    : key_{key}, prefix_{key.substr(0, prefix)}, tagged_{detail::has_hash_tag(key)} {
    const bool common = detail::has_hash_tag(prefix_);
    const std::string_view stem = common ? tagged_counter : counter_stem;
    std::copy(stem.begin(), stem.end(), counter_.begin());
    counter_bytes_ = stem.size();
    if (common) return;
    const SlotLetters letters = letters_for(crc16(stem, crc16(prefix_)), hash_slot(key));
    std::copy(letters.begin(), letters.end(), counter_.begin() + counter_bytes_);
    counter_bytes_ += letters.size();
}

std::string_view SideKeys::after(SideKey which) const noexcept {
    switch (which) {
        case SideKey::counter: return {counter_.data(), counter_bytes_};
        case SideKey::queue: return tagged_ ? ":ll:2Q" : "}:ll:2q";
        case SideKey::waiters: return tagged_ ? ":ll:2W" : "}:ll:2w";
        case SideKey::holders: break;
    }
    return tagged_ ? ":ll:H" : "}:ll:h";
}

std::vector<std::string> counters_of(std::string_view prefix) {
    std::string stem{prefix};
    if (detail::has_hash_tag(prefix)) return {stem.append(tagged_counter)};
    stem += counter_stem;
    const std::uint16_t head = crc16(stem);
    std::vector<std::string> names;
    for (unsigned slot = 0; slot <= last_slot; ++slot) {
        const SlotLetters letters = letters_for(head, static_cast<std::uint16_t>(slot));
        names.push_back(stem + std::string{letters.begin(), letters.end()});
    }
    return names;
}

std::string side_key(std::string_view key, std::size_t prefix, SideKey which) {
    const SideKeys names{key, prefix};
    std::string result{names.before(which)};
    result += names.stem(which);
    result += names.after(which);
    return result;
}

}  // namespace leaselock::redis

#include "redis/side_keys.hpp"

#include <algorithm>

namespace leaselock::redis {
namespace {

constexpr std::string_view counter_stem = ":ll:2c:";
constexpr std::string_view tagged_counter = ":ll:2C";

}  // namespace

// A prefix with a hash tag gives it to all of its keys. A key without one is hashed as a whole, and
// begins with the prefix.
std::string_view SideKeys::after_prefix() noexcept {
    if (!hash_tag(prefix_).empty()) return tagged_counter;
    const std::uint16_t head = crc16(prefix_);
    const std::uint16_t whole =
        is_tagged() ? crc16(tag_) : crc16(key_.substr(prefix_.size()), head);
    const SlotLetters letters = letters_for(crc16(counter_stem, head), whole & last_slot);
    char* const at = std::copy(counter_stem.begin(), counter_stem.end(), counter_.begin());
    std::copy(letters.begin(), letters.end(), at);
    return {counter_.data(), counter_.size()};
}

std::vector<std::string> counters_of(std::string_view prefix) {
    std::string stem{prefix};
    if (!hash_tag(prefix).empty()) return {stem.append(tagged_counter)};
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
    SideKeys names{key, prefix};
    std::string result{names.before(which)};
    result += names.stem(which);
    result += names.after(which);
    return result;
}

}  // namespace leaselock::redis

// What is done with each byte of a short text, eight at a time: a hash for tables in memory. And
// whether two are the same. Not for users.
//
// Thread-safety: functions without state.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace leaselock::detail {

// Calls visit(word) for all of the text, eight bytes at a time. The last eight may have been there
// before; a text that is shorter is filled up with zeros.
template <class Visit>
inline void each_word(std::string_view text, const Visit& visit) noexcept {
    std::uint64_t word = 0;
    if (text.size() < sizeof word) {
        std::memcpy(&word, text.data(), text.size());
        return visit(word);
    }
    const char* const last = text.data() + text.size() - sizeof word;
    for (const char* at = text.data(); at < last; at += sizeof word) {
        std::memcpy(&word, at, sizeof word);
        visit(word);
    }
    std::memcpy(&word, last, sizeof word);
    visit(word);
}

// As ==, which compilers leave to a call that looks which one comes first.
[[nodiscard]] inline bool is_same_text(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

// All bits depend on all bytes. With a seed that nobody knows nobody can choose texts that meet.
[[nodiscard]] inline std::uint64_t text_hash(std::string_view text,
                                             std::uint64_t seed = 0) noexcept {
    constexpr std::uint64_t odd = 0x9E3779B97F4A7C15U;
    const auto mixed = [](std::uint64_t bits) {
        bits *= odd;
        return bits ^ (bits >> 32U);
    };
    std::uint64_t hash = seed ^ text.size();
    each_word(text, [&](std::uint64_t word) { hash = mixed(hash ^ word); });
    return mixed(hash);
}

}  // namespace leaselock::detail

// Globs on keys, as LockManager::list() takes them and Redis has them: `*` any bytes, `?` one byte,
// `[a-z]` and `[^a-z]` one of them or none of them, `\` the next byte as it is. A bracket that is
// not closed ends with the pattern. For writers of backends: is_listed() is what list() asks
// of each key.
//
// Thread-safety: functions without state.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace leaselock {

namespace detail {

// Whether what stands at `at`, which is not a `*`, matches that byte. Moves `at` past it.
[[nodiscard]] inline bool glob_matches_byte(std::string_view pattern, std::size_t& at,
                                            char byte) noexcept {
    const auto value = [](char c) { return static_cast<unsigned char>(c); };
    const auto left = [&] { return pattern.size() - at; };
    if (pattern[at] == '?') return ++at, true;
    if (pattern[at] != '[') {
        if (pattern[at] == '\\' && left() > 1) ++at;
        return pattern[at++] == byte;
    }
    ++at;
    const bool inverted = left() > 0 && pattern[at] == '^';
    if (inverted) ++at;
    bool found = false;
    for (; left() > 0 && pattern[at] != ']'; ++at) {
        if (pattern[at] == '\\' && left() > 1) {
            found = found || pattern[++at] == byte;
        } else if (left() > 2 && pattern[at + 1] == '-') {
            const auto [low, high] = std::minmax({value(pattern[at]), value(pattern[at + 2])});
            found = found || (low <= value(byte) && value(byte) <= high);
            at += 2;
        } else {
            found = found || pattern[at] == byte;
        }
    }
    if (left() > 0) ++at;
    return found != inverted;
}

}  // namespace detail

// A pattern that matches `text` and nothing else. May throw bad_alloc.
[[nodiscard]] inline std::string escape_glob(std::string_view text) {
    std::string pattern;
    for (const char c : text) {
        if (std::string_view{"*?[]\\"}.find(c) != std::string_view::npos) pattern += '\\';
        pattern += c;
    }
    return pattern;
}

// Whether the pattern matches all of the text. In time of at most the product of both lengths: only
// the last `*` is ever tried again.
[[nodiscard]] inline bool glob_matches(std::string_view pattern, std::string_view text) noexcept {
    constexpr std::size_t none = std::string_view::npos;
    std::size_t at = 0;
    std::size_t star = none;  // past the last `*`
    std::size_t from = 0;     // where in the text it was tried last
    for (std::size_t i = 0; i < text.size();) {
        if (at < pattern.size() && pattern[at] == '*') {
            star = ++at;
            from = i;
        } else if (at < pattern.size() && detail::glob_matches_byte(pattern, at, text[i])) {
            ++i;
        } else if (star != none) {
            at = star;
            i = ++from;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', at) == none;
}

// Whether `key` begins with `prefix`, and goes on with what the pattern matches.
[[nodiscard]] inline bool is_listed(std::string_view key, std::string_view prefix,
                                    std::string_view pattern) noexcept {
    return key.starts_with(prefix) && glob_matches(pattern, key.substr(prefix.size()));
}

}  // namespace leaselock

// Values become text, and text becomes a part of a key. Used by LEASELOCK_KEY, the lock macro and
// KeyTemplate, so that one value gives the same bytes everywhere.
//
// Encoding is per byte: '%', '{', '}', control characters and the byte that ends the value in its
// template become %XX. So a value moves no hash tag, and the key can be read back.
//
// Thread-safety: functions without shared state.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fmt/core.h>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>

#include <leaselock/detail/export.hpp>
#include <leaselock/detail/key_parse.hpp>

namespace leaselock::detail {

template <class T>
inline constexpr bool kIsCharacter = std::is_same_v<T, wchar_t> || std::is_same_v<T, char8_t> ||
                                     std::is_same_v<T, char16_t> || std::is_same_v<T, char32_t>;
template <class T>
inline constexpr bool kIsInteger =
    std::is_integral_v<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, char> &&
    !kIsCharacter<T> && sizeof(T) <= sizeof(long long);
template <class T>
inline constexpr bool kIsPlainEnum = std::is_enum_v<T> && !fmt::is_formattable<T>::value;

template <class T>
inline constexpr bool kHasText = std::is_convertible_v<const T&, std::string_view> ||
                                 kIsInteger<T> || kIsPlainEnum<T> || fmt::is_formattable<T>::value;

// Integers and plain enums consist of these.
inline constexpr std::string_view kNumberCharacters = "-0123456789";
template <class T>
inline constexpr bool kIsNumber = kIsInteger<T> || kIsPlainEnum<T>;

// A char array may fill its whole length without a NUL.
template <class T>
[[nodiscard]] std::string_view string_view_of(const T& value) {
    if constexpr (std::is_array_v<T>) {
        const void* end = std::memchr(value, '\0', std::extent_v<T>);
        return end ? std::string_view(value) : std::string_view(value, std::extent_v<T>);
    } else if constexpr (std::is_pointer_v<T>) {
        return value ? std::string_view(value) : std::string_view();
    } else {
        return std::string_view(value);
    }
}

// Calls use(std::string_view) with the text of the value, which lives as long as the call; a null
// pointer gives an empty text. Throws what a user's fmt::formatter throws.
template <class T, class Use>
void with_text(const T& value, const Use& use) {
    if constexpr (std::is_same_v<T, char>) {
        use(std::string_view(&value, 1));
    } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
        use(string_view_of(value));
    } else if constexpr (kIsInteger<T>) {
        std::array<char, 24> text;  // fits all of 64 bits
        const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
        use(std::string_view(text.data(), static_cast<std::size_t>(end - text.data())));
    } else if constexpr (kIsPlainEnum<T>) {
        with_text(static_cast<std::underlying_type_t<T>>(value), use);
    } else {
        static_assert(kHasText<T>,
                      "leaselock key: a value of this type needs a fmt::formatter; or name a field "
                      "of it, {{order.id}}, that LEASELOCK_FIELDS registers");
        std::string text;
        fmt::format_to(std::back_inserter(text), "{}", value);
        use(std::string_view(text));
    }
}

inline constexpr auto kAlwaysEncoded = [] {
    std::array<bool, 256> table{};
    for (std::size_t c = 0; c < 0x20; ++c) table[c] = true;
    for (const std::size_t c : {0x25U, 0x7bU, 0x7dU, 0x7fU}) table[c] = true;  // % { } DEL
    return table;
}();

[[nodiscard]] inline bool is_encoded(char c, int stop) {
    const auto byte = static_cast<unsigned char>(c);
    return kAlwaysEncoded[byte] || byte == stop;
}

// Eight bytes at once: false only if none of them is encoded. True may be wrong: it also takes all
// of '{' and above for suspicious, so that two ranges and two bytes are all there is to test.
[[nodiscard]] inline bool is_suspicious(std::uint64_t bytes, std::uint64_t stops) {
    constexpr std::uint64_t kOnes = 0x0101010101010101U;
    constexpr std::uint64_t kHighs = kOnes * 0x80U;
    const auto low = (bytes - kOnes * 0x20U) & ~bytes;                      // below a space
    const auto high = ((bytes & ~kHighs) + kOnes * (0x80U - '{')) | bytes;  // from '{' on
    const auto percent = bytes ^ (kOnes * '%');
    const auto stop = bytes ^ stops;
    const auto equal = ((percent - kOnes) & ~percent) | ((stop - kOnes) & ~stop);  // zero bytes
    return ((low | high | equal) & kHighs) != 0;
}

// Keys are made all the time, and hardly ever is there anything to encode.
[[nodiscard]] inline bool is_plain(std::string_view text, int stop) {
    constexpr std::size_t kBlock = sizeof(std::uint64_t);
    if (text.size() < kBlock) {
        return std::none_of(text.begin(), text.end(),
                            [stop](char c) { return is_encoded(c, stop); });
    }
    // No stop: '%' once more.
    const auto stops =
        static_cast<std::uint64_t>(stop == kNoStop ? '%' : stop) * 0x0101010101010101U;
    const auto suspicious_at = [text, stops](std::size_t at) {
        std::uint64_t bytes = 0;
        std::memcpy(&bytes, text.data() + at, kBlock);
        return is_suspicious(bytes, stops);
    };
    for (std::size_t at = 0; at + kBlock < text.size(); at += kBlock) {
        if (suspicious_at(at)) return false;
    }
    return !suspicious_at(text.size() - kBlock);
}

// Buffer needs append(const char* begin, const char* end).
template <class Buffer>
void append_encoded(Buffer& out, std::string_view text, int stop) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    const char* const end = text.data() + text.size();
    const char* begin = text.data();
    for (const char* at = begin; at != end; ++at) {
        if (!is_encoded(*at, stop)) continue;
        const auto byte = static_cast<unsigned char>(*at);
        const std::array<char, 3> code{'%', kDigits[byte >> 4U], kDigits[byte & 15U]};
        out.append(begin, at);
        out.append(code.data(), code.data() + code.size());
        begin = at + 1;
    }
    out.append(begin, end);
}

// Throws LockError with Errc::invalid_template.
[[noreturn]] LEASELOCK_EXPORT void throw_empty_value(std::string_view placeholder);

// Appends the text of a value. An empty text is refused with throw_empty_value.
template <class Buffer>
void append_text(Buffer& out, std::string_view text, std::string_view placeholder, int stop,
                 bool as_it_is) {
    if (text.empty()) throw_empty_value(placeholder);
    if (as_it_is || is_plain(text, stop)) {
        out.append(text.data(), text.data() + text.size());
    } else {
        append_encoded(out, text, stop);
    }
}

}  // namespace leaselock::detail

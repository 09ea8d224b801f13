// Text that can be a template argument: how a key template, the spelling of a macro's arguments and
// the name of an argument reach the code that checks them while compiling. Used by the key layer
// and by the lock macro. The memory is the object itself; nothing here refers to text elsewhere.
//
// Thread-safety: values without shared state.
#pragma once

#include <cstddef>
#include <string_view>

#include <leaselock/detail/requirements.hpp>  // IWYU pragma: keep

namespace leaselock::detail {

// At most Capacity - 1 characters; the members are public because a template argument needs that.
template <std::size_t Capacity>
struct FixedText {
    char data[Capacity]{};
    std::size_t size = 0;

    constexpr FixedText() = default;
    // Implicit, so that `arg<"name">` can be written.
    constexpr FixedText(const char (&literal)[Capacity])
        : FixedText(std::string_view(literal, Capacity - 1)) {}
    constexpr explicit FixedText(std::string_view text) {
        for (const char c : text) push_back(c);
    }

    // Precondition: there is room; past it the expression is no constant, so it does not compile.
    constexpr void push_back(char c) { data[size++] = c; }
    [[nodiscard]] constexpr std::string_view view() const { return {data, size}; }
};

// All arguments of a macro call as they were written: CallText{#__VA_ARGS__}.
template <std::size_t Capacity>
struct CallText : FixedText<Capacity> {
    constexpr CallText(const char (&literal)[Capacity]) : FixedText<Capacity>(literal) {}
};

// A part of a text by position, so that it stays right when the text is moved.
struct TextRange {
    std::size_t begin = 0;
    std::size_t size = 0;

    [[nodiscard]] constexpr std::string_view in(std::string_view text) const {
        return text.substr(begin, size);
    }
};

// text.find(c), but a constant on g++ 12 under -fsanitize=undefined too: there it does not know
// that a pointer into a template argument is not null, which find asks.
[[nodiscard]] constexpr std::size_t position_of(std::string_view text, char c) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == c) return at;
    }
    return std::string_view::npos;
}

[[nodiscard]] constexpr std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace leaselock::detail

// Reads the spelling of a macro's arguments while compiling: where one argument ends and the next
// begins, and what each is called in a template. Used by the plan of a key and by the lock macro.
// An argument that is no plain name is not judged here: leaselock::arg<"name"> may have named it.
//
// Thread-safety: functions without shared state.
#pragma once

#include <cstddef>
#include <string_view>

#include <leaselock/detail/key_text.hpp>

namespace leaselock::detail {

[[nodiscard]] constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
[[nodiscard]] constexpr bool is_name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}
[[nodiscard]] constexpr bool is_name_part(char c) { return is_name_start(c) || is_digit(c); }

[[nodiscard]] constexpr std::size_t end_of_name(std::string_view text, std::size_t at) {
    while (at < text.size() && is_name_part(text[at])) ++at;
    return at;
}

// The position behind the string or character literal that starts at `at`.
[[nodiscard]] constexpr std::size_t end_of_literal(std::string_view text, std::size_t at) {
    const char quote = text[at++];
    while (at < text.size() && text[at] != quote) at += text[at] == '\\' ? 2U : 1U;
    return at < text.size() ? at + 1 : text.size();
}

// Cuts "a, f(b, c), {.d = 1}" at the commas outside of brackets and literals. A comma in a template
// argument list is one too many, as it is for the preprocessor; the counts then do not match.
class CallScanner {
  public:
    constexpr explicit CallScanner(std::string_view text) : text_(text) {}

    [[nodiscard]] constexpr bool done() const { return rest().empty(); }
    [[nodiscard]] constexpr std::string_view rest() const { return trim(text_.substr(at_)); }
    [[nodiscard]] constexpr bool saw_raw_string() const { return saw_raw_string_; }

    constexpr std::string_view next() {
        const auto begin = at_;
        std::size_t depth = 0;
        while (at_ < text_.size() && !(depth == 0 && text_[at_] == ',')) {
            const char c = text_[at_];
            if (c == '(' || c == '[' || c == '{') ++depth;
            if ((c == ')' || c == ']' || c == '}') && depth > 0) --depth;
            skip_token();
        }
        const auto item = text_.substr(begin, at_ - begin);
        if (at_ < text_.size()) ++at_;
        return trim(item);
    }

  private:
    constexpr void skip_token() {
        const char c = text_[at_];
        if (c == '"' || c == '\'') {
            at_ = end_of_literal(text_, at_);
        } else if (is_digit(c)) {
            skip_number();
        } else if (is_name_start(c)) {
            at_ = end_of_name(text_, at_);
            if (text_[at_ - 1] == 'R' && text_.substr(at_, 1) == "\"") saw_raw_string_ = true;
        } else {
            ++at_;
        }
    }

    // 1'000 holds no character literal.
    constexpr void skip_number() {
        while (at_ < text_.size() && (is_name_part(text_[at_]) || text_[at_] == '\'')) ++at_;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    bool saw_raw_string_ = false;
};

class NameReader {
  public:
    constexpr explicit NameReader(std::string_view text) : text_(text) {}

    [[nodiscard]] constexpr bool done() const { return trim(text_.substr(at_)).empty(); }

    constexpr bool take(std::string_view token) {
        skip_spaces();
        if (text_.substr(at_, token.size()) != token) return false;
        at_ += token.size();
        return true;
    }

    // Empty if no name stands here.
    constexpr std::string_view take_name() {
        skip_spaces();
        const auto begin = at_;
        if (at_ < text_.size() && is_name_start(text_[at_])) at_ = end_of_name(text_, at_);
        return text_.substr(begin, at_ - begin);
    }

  private:
    constexpr void skip_spaces() {
        while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

// Appends what `spelling` is called in a template: user->id(), user.id(), this->user.id and
// *user.id are user.id. False for everything else: a + b, f(x), v[0], ns::x, "text".
template <std::size_t Capacity>
[[nodiscard]] constexpr bool read_name(std::string_view spelling, FixedText<Capacity>& name) {
    NameReader reader(spelling);
    while (reader.take("*")) {
    }
    auto part = reader.take_name();
    if (part == "this") part = reader.take("->") ? reader.take_name() : std::string_view();
    while (!part.empty()) {
        for (const char c : part) name.push_back(c);
        if (reader.take("(") && !reader.take(")")) return false;
        if (reader.done()) return true;
        if (!reader.take(".") && !reader.take("->")) return false;
        name.push_back('.');
        part = reader.take_name();
    }
    return false;
}

}  // namespace leaselock::detail

// The one parser of key templates: it runs while compiling for LEASELOCK_KEY and the lock macro,
// and at run time for KeyTemplate. The grammar:
//
//   {{name}}  {{ name }}  {{name|raw}}   placeholders; between two of them there is text
//   { text with placeholders }           at most one pair: the hash tag of a Redis Cluster key
//   {{{name}}}                           a hash tag that holds one placeholder
//
// Every other brace is a fault. It allocates nothing but what the list of pieces does.
//
// Thread-safety: functions without shared state.
#pragma once

#include <cstddef>
#include <string_view>

#include <leaselock/detail/key_text.hpp>

namespace leaselock::detail {

// What can be wrong with a template, and, from placeholder_without_argument on, with a macro call.
enum class KeyFault {
    none,
    empty_template,
    unbalanced_braces,
    second_hash_tag,
    empty_hash_tag,
    empty_placeholder,
    adjacent_placeholders,
    percent_between_placeholders,
    unknown_modifier,
    placeholder_without_argument,
    argument_without_placeholder,
    duplicate_argument,
    unreadable_arguments,
    raw_string,
    unregistered_field,
    single_braces,
    value_without_formatter,
    no_template,
    template_is_no_literal,
    not_a_manager,
    unsupported_escape,
    options_after_arguments,
    unknown_option,
    option_order,
    option_without_unit,
    without_braces,
};

// A fault and the text it is about.
struct KeyVerdict {
    KeyFault fault = KeyFault::none;
    std::string_view culprit;
};

// A fault and the part of the template or of the arguments it is about.
struct KeyFinding {
    KeyFault fault = KeyFault::none;
    TextRange where;

    constexpr explicit operator bool() const { return fault != KeyFault::none; }
};

inline constexpr int kNoStop = -1;

// Literal text and the placeholder after it.
struct KeyPiece {
    TextRange literal;
    TextRange name;  // empty in the last piece of a template that ends with text
    bool raw = false;
    // The byte that ends the value in the key where another placeholder follows; so it is encoded
    // within the value, which is what makes the key readable back.
    int stop = kNoStop;

    [[nodiscard]] constexpr bool has_placeholder() const { return name.size != 0; }
};

// Pieces needs push_back, back and empty.
template <class Pieces>
class KeyParser {
  public:
    constexpr KeyParser(std::string_view text, Pieces& pieces) : text_(text), pieces_(pieces) {}

    // The first fault. Without one, `pieces` holds the whole template in order.
    [[nodiscard]] constexpr KeyFinding run() {
        if (text_.empty()) return {KeyFault::empty_template, {}};
        while (at_ < text_.size()) {
            if (const auto found = step()) return found;
        }
        if (tag_ == Tag::open) return {KeyFault::unbalanced_braces, {tag_begin_, 1}};
        if (literal_begin_ < text_.size())
            pieces_.push_back({literal_so_far(), {}, false, kNoStop});
        return {};
    }

  private:
    enum class Tag { none, open, closed };

    constexpr KeyFinding step() {
        if (text_[at_] == '}') return close_tag();
        if (text_[at_] != '{') {
            ++at_;
            return {};
        }
        auto end = text_.find_first_not_of('{', at_);
        if (end == std::string_view::npos) end = text_.size();
        const auto braces = end - at_;
        if (braces == 2) return placeholder();
        if (braces == 1 || braces == 3) return open_tag();
        return {KeyFault::unbalanced_braces, {at_, braces}};
    }

    constexpr KeyFinding open_tag() {
        if (tag_ == Tag::open) return {KeyFault::unbalanced_braces, {tag_begin_, at_ - tag_begin_}};
        if (tag_ == Tag::closed) return {KeyFault::second_hash_tag, {at_, 1}};
        tag_ = Tag::open;
        tag_begin_ = at_++;
        return {};
    }

    constexpr KeyFinding close_tag() {
        if (tag_ != Tag::open) return {KeyFault::unbalanced_braces, {at_, 1}};
        if (at_ == tag_begin_ + 1) return {KeyFault::empty_hash_tag, {tag_begin_, 2}};
        tag_ = Tag::closed;
        ++at_;
        return {};
    }

    constexpr KeyFinding placeholder() {
        const auto begin = at_ + 2;
        const auto end = text_.find_first_of("{}", begin);
        if (end == std::string_view::npos || text_.substr(end, 2) != "}}") {
            return {KeyFault::unbalanced_braces, {at_, text_.size() - at_}};
        }
        const TextRange all{at_, end + 2 - at_};
        const auto inner = text_.substr(begin, end - begin);
        const auto bar = position_of(inner, '|');
        const auto name = trim(inner.substr(0, bar));
        const bool raw = bar != std::string_view::npos;
        if (name.empty()) return {KeyFault::empty_placeholder, all};
        if (raw && trim(inner.substr(bar + 1)) != "raw") return {KeyFault::unknown_modifier, all};
        if (const auto found = end_previous_value(all)) return found;
        const auto name_begin = static_cast<std::size_t>(name.data() - text_.data());
        pieces_.push_back({literal_so_far(), {name_begin, name.size()}, raw, kNoStop});
        at_ = literal_begin_ = end + 2;
        return {};
    }

    // A literal that starts with '%' between two values could be read as the start of an encoded
    // byte: "{{a}}%{{b}}" would give one key to ("x%", "25y") and ("x", "25%y").
    constexpr KeyFinding end_previous_value(TextRange placeholder) {
        if (pieces_.empty()) return {};
        if (literal_begin_ == at_) return {KeyFault::adjacent_placeholders, placeholder};
        const char stop = text_[literal_begin_];
        if (stop == '%') return {KeyFault::percent_between_placeholders, {literal_begin_, 1}};
        pieces_.back().stop = static_cast<unsigned char>(stop);
        return {};
    }

    [[nodiscard]] constexpr TextRange literal_so_far() const {
        return {literal_begin_, at_ - literal_begin_};
    }

    std::string_view text_;
    Pieces& pieces_;
    std::size_t at_ = 0;
    std::size_t literal_begin_ = 0;
    std::size_t tag_begin_ = 0;
    Tag tag_ = Tag::none;
};

}  // namespace leaselock::detail

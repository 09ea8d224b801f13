#include <algorithm>
#include <fmt/format.h>
#include <string>
#include <string_view>

#include <leaselock/error.hpp>
#include <leaselock/key_template.hpp>

namespace leaselock {
namespace {

[[nodiscard]] LockError refusal(const std::string& what) {
    return {make_error_code(Errc::invalid_template), what};
}

// Only what a parser can find; the other faults belong to macro calls.
[[nodiscard]] std::string_view describe(detail::KeyFault fault) {
    using detail::KeyFault;
    switch (fault) {
        case KeyFault::empty_template: return "it is empty";
        case KeyFault::second_hash_tag:
            return "a second hash tag; one pair of single braces is allowed";
        case KeyFault::empty_hash_tag: return "an empty hash tag";
        case KeyFault::empty_placeholder: return "an empty placeholder";
        case KeyFault::adjacent_placeholders:
            return "adjacent placeholders; text must stand between them";
        case KeyFault::percent_between_placeholders:
            return "the text between two placeholders begins with '%'";
        case KeyFault::unknown_modifier: return "an unknown modifier; there is only |raw";
        default: return "unbalanced braces";
    }
}

[[nodiscard]] const NamedValue* find(std::span<const NamedValue> values, std::string_view name) {
    const auto at = std::ranges::find(values, name, &NamedValue::name);
    return at == values.end() ? nullptr : &*at;
}

}  // namespace

void detail::throw_empty_value(std::string_view placeholder) {
    throw refusal(fmt::format("the value of placeholder '{}' is empty or null", placeholder));
}

detail::KeyFinding KeyTemplate::read() { return detail::KeyParser(text_, pieces_).run(); }

KeyTemplate KeyTemplate::parse(std::string_view text) {
    KeyTemplate result(text);
    if (const auto found = result.read()) {
        throw refusal(fmt::format("key template '{}': {}, at byte {}: '{}'", text,
                                  describe(found.fault), found.where.begin, found.where.in(text)));
    }
    return result;
}

std::optional<KeyTemplate> KeyTemplate::parse(std::string_view text, std::error_code& ec) {
    KeyTemplate result(text);
    ec = result.read() ? make_error_code(Errc::invalid_template) : std::error_code();
    if (ec) return std::nullopt;
    return result;
}

// What is wrong with the values; empty if nothing is.
std::string KeyTemplate::check(std::span<const NamedValue> values) const {
    for (const auto& piece : pieces_) {
        if (!piece.has_placeholder()) continue;
        const auto name = piece.name.in(text_);
        const auto* value = find(values, name);
        if (!value) return fmt::format("placeholder '{}' has no value", name);
        if (value->value.text().empty())
            return fmt::format("the value of placeholder '{}' is empty or null", name);
    }
    for (const auto& value : values) {
        if (find(values, value.name) != &value)
            return fmt::format("two values are named '{}'", value.name);
        const bool used = std::ranges::any_of(pieces_, [&](const detail::KeyPiece& piece) {
            return piece.has_placeholder() && piece.name.in(text_) == value.name;
        });
        if (!used) return fmt::format("no placeholder takes the value '{}'", value.name);
    }
    return {};
}

// Precondition: check found nothing.
std::string KeyTemplate::build(std::span<const NamedValue> values) const {
    std::string key;
    for (const auto& piece : pieces_) {
        key.append(piece.literal.in(text_));
        if (!piece.has_placeholder()) continue;
        const auto name = piece.name.in(text_);
        detail::append_text(key, find(values, name)->value.text(), name, piece.stop, piece.raw);
    }
    return key;
}

std::string KeyTemplate::format(std::span<const NamedValue> values) const {
    if (const auto fault = check(values); !fault.empty()) {
        throw refusal(fmt::format("key template '{}': {}", text_, fault));
    }
    return build(values);
}

std::string KeyTemplate::format(std::initializer_list<NamedValue> values) const {
    return format(std::span(values.begin(), values.size()));
}

std::string KeyTemplate::format(std::span<const NamedValue> values, std::error_code& ec) const {
    ec = check(values).empty() ? std::error_code() : make_error_code(Errc::invalid_template);
    return ec ? std::string() : build(values);
}

std::string KeyTemplate::format(std::initializer_list<NamedValue> values,
                                std::error_code& ec) const {
    return format(std::span(values.begin(), values.size()), ec);
}

}  // namespace leaselock

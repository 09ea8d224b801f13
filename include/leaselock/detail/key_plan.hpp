// The plan of a key: the pieces of a template, each bound to one argument of the macro call and to
// a path of fields within it. It is made while compiling, and whatever is wrong is found here. Used
// by format_key alone.
//
// Thread-safety: constants.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <leaselock/detail/key_call.hpp>
#include <leaselock/detail/key_fields.hpp>
#include <leaselock/detail/key_parse.hpp>
#include <leaselock/detail/key_text.hpp>
#include <leaselock/detail/key_value.hpp>

namespace leaselock::detail {

// What leaselock::arg<"name"> gives: T is a reference where the expression was an lvalue.
template <FixedText Name, class T>
struct NamedArg {
    T value;
};

// What is known of an argument from its type. An empty name: its spelling says it.
template <class T>
struct ArgTraits {
    using Value = T;
    static constexpr std::string_view name{};
};
template <FixedText Name, class T>
struct ArgTraits<NamedArg<Name, T>> {
    using Value = std::remove_cvref_t<T>;
    static constexpr std::string_view name = Name.view();
};

// A std::vector of pieces for the time of compiling. The first placeholder takes five characters,
// each further one six, and there may be text after the last.
template <std::size_t TemplateSize>
struct StaticPieces {
    std::array<KeyPiece, TemplateSize / 6 + 2> items{};
    std::size_t count = 0;

    constexpr void push_back(const KeyPiece& piece) { items[count++] = piece; }
    constexpr KeyPiece& back() { return items[count - 1]; }
    [[nodiscard]] constexpr bool empty() const { return count == 0; }
};

template <FixedText Template>
struct ParsedTemplate {
    StaticPieces<sizeof(Template.data)> pieces;
    KeyVerdict verdict;

    constexpr ParsedTemplate() {
        const auto found = KeyParser(Template.view(), pieces).run();
        verdict = {found.fault, found.where.in(Template.view())};
    }
};

template <FixedText Spelling, class... Args>
struct ArgumentNames {
    using Name = FixedText<std::max({sizeof(Spelling.data), ArgTraits<Args>::name.size()...}) + 1>;

    std::array<Name, sizeof...(Args)> names{};
    std::array<std::string_view, sizeof...(Args)> spellings{};
    KeyVerdict verdict;

    constexpr ArgumentNames() {
        CallScanner scanner(Spelling.view());
        std::size_t count = 0;
        for (; count < sizeof...(Args) && !scanner.done(); ++count) {
            spellings[count] = scanner.next();
        }
        if (count != sizeof...(Args) || !scanner.done()) {
            verdict = {KeyFault::unreadable_arguments, Spelling.view()};
        } else if (scanner.saw_raw_string()) {
            verdict = {KeyFault::raw_string, Spelling.view()};
        } else {
            read_all({ArgTraits<Args>::name...});
        }
    }

  private:
    constexpr void read_all(const std::array<std::string_view, sizeof...(Args)>& given) {
        for (std::size_t i = 0; i < given.size(); ++i) {
            if (!given[i].empty()) {
                names[i] = Name(given[i]);
            } else if (!read_name(spellings[i], names[i])) {
                verdict = {KeyFault::unreadable_arguments, spellings[i]};
                return;
            }
            for (std::size_t j = 0; j < i; ++j) {
                if (names[i].view() != names[j].view()) continue;
                verdict = {KeyFault::duplicate_argument, spellings[i]};
                return;
            }
        }
    }
};

enum class Leads { nowhere, to_text, to_no_text };

// Where a path of field names leads to from a value of type T.
template <class T>
[[nodiscard]] constexpr Leads path_leads(std::string_view path) {
    if (path.empty()) return kHasText<T> ? Leads::to_text : Leads::to_no_text;
    if constexpr (HasFields<T>) {
        return [path]<std::size_t... I>(std::index_sequence<I...>) {
            const auto index = field_index<T>(path_head(path));
            auto leads = Leads::nowhere;
            static_cast<void>(
                ((I == index && (leads = path_leads<FieldType<T, I>>(path_tail(path)), true)) ||
                 ...));
            return leads;
        }
        (std::make_index_sequence<std::tuple_size_v<decltype(kFields<T>)>>{});
    } else {
        return Leads::nowhere;
    }
}

// Where the value of a placeholder comes from.
struct KeyBinding {
    std::size_t argument = 0;
    // Where, in the placeholder's name, the fields begin that lead from the argument to the value;
    // its end if the argument is the value.
    std::size_t path_begin = 0;
};

template <FixedText Template, FixedText Spelling, class... Args>
class KeyPlan {
  public:
    constexpr KeyPlan() {
        if (verdict_.fault == KeyFault::none) verdict_ = arguments_.verdict;
        for (std::size_t i = 0; i < size() && verdict_.fault == KeyFault::none; ++i) {
            if (piece(i).has_placeholder()) bind(i);
        }
        for (std::size_t i = 0; i < sizeof...(Args) && verdict_.fault == KeyFault::none; ++i) {
            if (used_[i]) continue;
            verdict_ = {in_single_braces(arguments_.names[i].view())
                            ? KeyFault::single_braces
                            : KeyFault::argument_without_placeholder,
                        arguments_.spellings[i]};
        }
    }

    // The first thing that is wrong: in the template, then in the arguments, then between them.
    [[nodiscard]] constexpr const KeyVerdict& verdict() const { return verdict_; }
    [[nodiscard]] constexpr std::size_t size() const { return parsed_.pieces.count; }
    [[nodiscard]] constexpr const KeyPiece& piece(std::size_t i) const {
        return parsed_.pieces.items[i];
    }
    [[nodiscard]] constexpr const KeyBinding& binding(std::size_t i) const { return bindings_[i]; }
    [[nodiscard]] constexpr std::string_view literal(std::size_t i) const {
        return piece(i).literal.in(Template.view());
    }
    [[nodiscard]] constexpr std::string_view name(std::size_t i) const {
        return piece(i).name.in(Template.view());
    }

  private:
    // An argument of that very name wins; else the longest one that has such a field.
    constexpr void bind(std::size_t piece) {
        using LeadsOf = Leads (*)(std::string_view);
        constexpr std::array<LeadsOf, sizeof...(Args)> kLeads{
            &path_leads<typename ArgTraits<Args>::Value>...};
        const auto name = this->name(piece);
        std::size_t best = 0;
        for (std::size_t i = 0; i < sizeof...(Args); ++i) {
            const auto own = arguments_.names[i].view();
            if (own.size() <= best || !name.starts_with(own)) continue;
            if (own.size() < name.size() &&
                (name[own.size()] != '.' ||
                 kLeads[i](name.substr(own.size() + 1)) == Leads::nowhere)) {
                continue;
            }
            best = own.size();
            bindings_[piece] = {i, std::min(own.size() + 1, name.size())};
        }
        if (best == 0) {
            verdict_ = {fault_of(name), name};
            return;
        }
        const auto& found = bindings_[piece];
        used_[found.argument] = true;
        if (kLeads[found.argument](name.substr(found.path_begin)) != Leads::to_text) {
            verdict_ = {KeyFault::value_without_formatter, name};
        }
    }

    // Why no argument is `name`.
    [[nodiscard]] constexpr KeyFault fault_of(std::string_view name) const {
        for (const auto& argument : arguments_.names) {
            const auto own = argument.view();
            if (own.size() < name.size() && name.starts_with(own) && name[own.size()] == '.') {
                return KeyFault::unregistered_field;
            }
        }
        return KeyFault::placeholder_without_argument;
    }

    // Whether the template has the argument, or a field of it, in single braces.
    [[nodiscard]] static constexpr bool in_single_braces(std::string_view name) {
        const auto text = Template.view();
        for (std::size_t at = 1; at + name.size() < text.size(); ++at) {
            const char end = text[at + name.size()];
            const bool is_single = text[at - 1] == '{' && (at < 2 || text[at - 2] != '{');
            if (is_single && text.substr(at).starts_with(name) && (end == '}' || end == '.')) {
                return true;
            }
        }
        return false;
    }

    ParsedTemplate<Template> parsed_;
    ArgumentNames<Spelling, Args...> arguments_;
    std::array<KeyBinding, decltype(parsed_.pieces.items){}.size()> bindings_{};
    std::array<bool, sizeof...(Args)> used_{};
    KeyVerdict verdict_ = parsed_.verdict;
};

}  // namespace leaselock::detail

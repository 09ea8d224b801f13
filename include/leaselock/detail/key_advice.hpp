// What a lock macro or LEASELOCK_KEY makes of its arguments: a Sound call, or a Wrong one, which
// does not compile. Either is brought out by `% __LINE__`: the operator of a Wrong call is
// refused, with a sentence that says what to write.
//
// An operator, and a number that the compiler makes itself, because g++ says first through which
// headers and templates it came to an error. Of such an operator it names the user's function and
// the sentence, in the first two lines; clang names the user's line.
//
// Thread-safety: functions without shared state.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <leaselock/detail/key_parse.hpp>
#include <leaselock/detail/key_text.hpp>
#include <leaselock/detail/refused.hpp>

namespace leaselock::detail {

// A call that is right; what it asks for is made by the operator.
template <class Make>
struct Sound {
    Make make;

    [[nodiscard]] constexpr decltype(auto) operator%(int) const { return make(); }
};
template <class Make>
[[nodiscard]] constexpr Sound<Make> sound(Make make) {
    return {std::move(make)};
}

// The text that a fault is about; compilers print it. g++, and clang from 16 on, spell a text,
// clang before a character.
#if defined(__clang__) && __clang_major__ < 16
template <char... Characters>
struct Culprit;
template <FixedText Text, std::size_t... I>
[[nodiscard]] consteval Culprit<Text.data[I]...>* culprit(std::index_sequence<I...>) {
    return nullptr;
}
#else
template <FixedText Text>
struct Culprit;
template <FixedText Text, std::size_t... I>
[[nodiscard]] consteval Culprit<Text>* culprit(std::index_sequence<I...>) {
    return nullptr;
}
#endif

template <class Culprit>
inline constexpr bool kIsRight = std::is_void_v<Culprit>;

// A call in place of one that gives a Result.
template <KeyFault Fault, class Culprit, class Result>
struct Wrong;

// g++ prints the text with the sentence, clang with the assertion, which comes last: destructors
// are instantiated at the end. NOLINTBEGIN(cppcoreguidelines-special-member-functions)
#define LEASELOCK_DETAIL_ADVICE(fault, advice)                                                \
    template <class Culprit, class Result>                                                    \
    struct Wrong<KeyFault::fault, Culprit, Result> {                                          \
        [[nodiscard]] LEASELOCK_REFUSED(advice) Result operator%(int) const;                  \
        ~Wrong() {                                                                            \
            static_assert(kIsRight<Culprit>, "leaselock: the text that is wrong, see above"); \
        }                                                                                     \
    }

LEASELOCK_DETAIL_ADVICE(empty_template, "leaselock key: the template is empty");
LEASELOCK_DETAIL_ADVICE(unbalanced_braces, "leaselock key: unbalanced braces in the template");
LEASELOCK_DETAIL_ADVICE(
    second_hash_tag,
    "leaselock key: a second hash tag in the template; one pair of single braces is allowed");
LEASELOCK_DETAIL_ADVICE(empty_hash_tag, "leaselock key: an empty hash tag in the template");
LEASELOCK_DETAIL_ADVICE(empty_placeholder, "leaselock key: empty placeholder in the template");
LEASELOCK_DETAIL_ADVICE(adjacent_placeholders,
                        "leaselock key: adjacent placeholders; put text between them, or two lists "
                        "of values could give one key");
LEASELOCK_DETAIL_ADVICE(percent_between_placeholders,
                        "leaselock key: the text between two placeholders must not begin with '%'");
LEASELOCK_DETAIL_ADVICE(unknown_modifier,
                        "leaselock key: unknown modifier in a placeholder; there is only |raw");
LEASELOCK_DETAIL_ADVICE(placeholder_without_argument,
                        "leaselock key: placeholder without an argument of that name");
LEASELOCK_DETAIL_ADVICE(unregistered_field,
                        "leaselock key: the argument has no registered field of that name; "
                        "LEASELOCK_FIELDS(Type, field...) registers the fields of a struct");
LEASELOCK_DETAIL_ADVICE(value_without_formatter,
                        "leaselock key: a value of this type needs a fmt::formatter; or name a "
                        "field of it, {{order.id}}, that LEASELOCK_FIELDS registers");
LEASELOCK_DETAIL_ADVICE(single_braces,
                        "leaselock key: a placeholder has double braces, {{name}}; single ones are "
                        "the hash tag of a Redis Cluster key");
LEASELOCK_DETAIL_ADVICE(argument_without_placeholder,
                        "leaselock key: unused argument; no placeholder of the template names it");
LEASELOCK_DETAIL_ADVICE(duplicate_argument, "leaselock key: two arguments have the same name");
LEASELOCK_DETAIL_ADVICE(unreadable_arguments,
                        "leaselock key: the argument list cannot be read; name an expression with "
                        "leaselock::arg<\"name\">(expression)");
LEASELOCK_DETAIL_ADVICE(raw_string,
                        "leaselock key: a raw string literal in the argument list cannot be read");

LEASELOCK_DETAIL_ADVICE(no_template,
                        "leaselock lock: the arguments are ([manager,] \"template\" [, {options}] "
                        "[, values...])");
LEASELOCK_DETAIL_ADVICE(
    template_is_no_literal,
    "leaselock lock: the arguments are ([manager,] \"template\" [, {options}] [, values...]), and "
    "the template is a string literal; a key that is made at run time is for "
    "ScopedDistributedLock lock{manager, key}");
LEASELOCK_DETAIL_ADVICE(
    not_a_manager,
    "leaselock lock: the manager of a lock is a LockManager&, neither const nor a pointer: "
    "write *manager");
LEASELOCK_DETAIL_ADVICE(
    options_after_arguments,
    "leaselock lock: the options come right after the template, before the values: ([manager,] "
    "\"template\" [, {options}] [, values...])");
LEASELOCK_DETAIL_ADVICE(
    unknown_option,
    "leaselock lock: no such option; there are ttl, wait, wait_timeout, retry_count, retry_delay, "
    "renewal, max_hold, min_hold, share, backend, require");
LEASELOCK_DETAIL_ADVICE(
    option_order,
    "leaselock lock: options have an order: ttl, wait, wait_timeout, retry_count, retry_delay, "
    "renewal, max_hold, min_hold, share, backend, require");
LEASELOCK_DETAIL_ADVICE(option_without_unit,
                        "leaselock lock: a time needs a unit: .ttl = 5s, .wait_timeout = 500ms, "
                        "with using namespace std::chrono_literals");
LEASELOCK_DETAIL_ADVICE(
    unsupported_escape,
    "leaselock key: an escape other than \\\" and \\\\ in the template of a lock");
LEASELOCK_DETAIL_ADVICE(
    without_braces,
    "leaselock lock: a lock needs braces around it, or it ends at its semicolon: write "
    "{ DISTRIBUTED_LOCK(...); section(); }");

#undef LEASELOCK_DETAIL_ADVICE  // NOLINTEND(cppcoreguidelines-special-member-functions)

// Source::verdict() is what was found; `make` gives the Result.
template <class Source, class Result, class Make>
[[nodiscard]] constexpr auto judged(Make make) {
    constexpr KeyFault kFault = Source::verdict().fault;
    if constexpr (kFault == KeyFault::none) {
        return sound(std::move(make));
    } else {
        constexpr std::size_t kLongest = 60;
        constexpr auto kText = Source::verdict().culprit.substr(0, kLongest);
        using Named = decltype(culprit<FixedText<kText.size() + 1>(kText)>(
            std::make_index_sequence<kText.size()>{}));
        return Wrong<kFault, Named, Result>{};
    }
}

// A call that is wrong for more than its text.
template <KeyFault Fault, class Result>
[[nodiscard]] Wrong<Fault, void, Result> misused() {
    return {};
}

}  // namespace leaselock::detail

// format_key is what LEASELOCK_KEY calls, format_call_key what the lock macro calls: they make the
// plan while compiling, refuse a wrong one with a sentence, and build the key at run time. Both
// throw LockError (Errc::invalid_template) for an empty value, and what a user's fmt::formatter
// throws.
//
// Thread-safety: functions without shared state.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <leaselock/detail/key_fields.hpp>
#include <leaselock/detail/key_lock_call.hpp>
#include <leaselock/detail/key_parse.hpp>
#include <leaselock/detail/key_plan.hpp>
#include <leaselock/detail/key_text.hpp>
#include <leaselock/detail/key_value.hpp>

namespace leaselock::detail {

// The text that a fault is about; compilers print it with the failed assertion. g++, and clang from
// 16 on, spell a text, clang before a character.
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

template <KeyFault Fault, class Culprit>
struct KeyIsSound {
    static_assert(Fault != KeyFault::empty_template, "leaselock key: the template is empty");
    static_assert(Fault != KeyFault::unbalanced_braces,
                  "leaselock key: unbalanced braces in the template");
    static_assert(
        Fault != KeyFault::second_hash_tag,
        "leaselock key: a second hash tag in the template; one pair of single braces is allowed");
    static_assert(Fault != KeyFault::empty_hash_tag,
                  "leaselock key: an empty hash tag in the template");
    static_assert(Fault != KeyFault::empty_placeholder,
                  "leaselock key: empty placeholder in the template");
    static_assert(Fault != KeyFault::adjacent_placeholders,
                  "leaselock key: adjacent placeholders; put text between them, or two lists of "
                  "values could give one key");
    static_assert(Fault != KeyFault::percent_between_placeholders,
                  "leaselock key: the text between two placeholders must not begin with '%'");
    static_assert(Fault != KeyFault::unknown_modifier,
                  "leaselock key: unknown modifier in a placeholder; there is only |raw");
    static_assert(Fault != KeyFault::placeholder_without_argument,
                  "leaselock key: placeholder without an argument of that name");
    static_assert(Fault != KeyFault::unregistered_field,
                  "leaselock key: the argument has no registered field of that name; "
                  "LEASELOCK_FIELDS(Type, field...) registers the fields of a struct");
    static_assert(Fault != KeyFault::single_braces,
                  "leaselock key: a placeholder has double braces, {{name}}; single ones are the "
                  "hash tag of a Redis Cluster key");
    static_assert(Fault != KeyFault::argument_without_placeholder,
                  "leaselock key: unused argument; no placeholder of the template names it");
    static_assert(Fault != KeyFault::duplicate_argument,
                  "leaselock key: two arguments have the same name");
    static_assert(Fault != KeyFault::unreadable_arguments,
                  "leaselock key: the argument list cannot be read; name an expression with "
                  "leaselock::arg<\"name\">(expression)");
    static_assert(Fault != KeyFault::raw_string,
                  "leaselock key: a raw string literal in the argument list cannot be read");
};

// Source::verdict() is what was found. False after the compiler has said what is wrong.
template <class Source>
[[nodiscard]] consteval bool is_sound() {
    constexpr std::size_t kLongest = 60;
    constexpr auto kText = Source::verdict().culprit.substr(0, kLongest);
    constexpr KeyFault kFault = Source::verdict().fault;
    if constexpr (kFault != KeyFault::none) {
        using Named = decltype(culprit<FixedText<kText.size() + 1>(kText)>(
            std::make_index_sequence<kText.size()>{}));
        static_cast<void>(KeyIsSound<kFault, Named>{});
    }
    return kFault == KeyFault::none;
}

template <FixedText Template, FixedText Spelling, class... Args>
struct KeySource {
    static constexpr KeyPlan<Template, Spelling, Args...> plan{};
    static consteval KeyVerdict verdict() { return plan.verdict(); }
};

// The call, if what can be seen of it without its types is right; comes before the overloads of the
// lock macro, so that what is said of these is said later. The assertions stand here, and not one
// level deeper, because compilers say first how they came to it.
template <CallText Call>
[[nodiscard]] consteval auto well_spelled() {
    constexpr KeyFault kFault = read_lock_spelling(Call);
    static_assert(kFault != KeyFault::raw_string,
                  "leaselock lock: a raw string literal in the argument list cannot be read");
    static_assert(kFault != KeyFault::template_is_no_literal,
                  "leaselock lock: the arguments are ([manager,] \"template\" [, {options}] [, "
                  "values...]), and the template is a string literal; a key that is made at run "
                  "time is for ScopedDistributedLock lock{manager, key}");
    static_assert(kFault != KeyFault::options_after_arguments,
                  "leaselock lock: the options come right after the template, before the values: "
                  "([manager,] \"template\" [, {options}] [, values...])");
    static_assert(kFault != KeyFault::unknown_option,
                  "leaselock lock: no such option; there are ttl, wait, wait_timeout, retry_count, "
                  "retry_delay, renewal, max_hold, min_hold, share, backend, require");
    static_assert(kFault != KeyFault::option_order,
                  "leaselock lock: options have an order: ttl, wait, wait_timeout, retry_count, "
                  "retry_delay, renewal, max_hold, min_hold, share, backend, require");
    static_assert(kFault != KeyFault::option_without_unit,
                  "leaselock lock: a time needs a unit: .ttl = 5s, .wait_timeout = 500ms, with "
                  "using namespace std::chrono_literals");
    static_assert(kFault != KeyFault::unsupported_escape,
                  "leaselock key: an escape other than \\\" and \\\\ in the template of a lock");
    return Call;
}

template <class T>
[[nodiscard]] const T& value_of(const T& argument) {
    return argument;
}
template <FixedText Name, class T>
[[nodiscard]] const std::remove_cvref_t<T>& value_of(const NamedArg<Name, T>& argument) {
    return argument.value;
}

// A number needs no look at its characters unless one of them ends the value.
template <class T>
[[nodiscard]] constexpr bool is_never_encoded(int stop) {
    return kIsNumber<T> && (stop == kNoStop || kNumberCharacters.find(static_cast<char>(stop)) ==
                                                   std::string_view::npos);
}

// Appends the value that the rest of the placeholder's name leads to, starting from `value`.
template <class Source, std::size_t Piece, std::size_t PathBegin, class T>
void append_value(std::string& out, const T& value) {
    constexpr auto kPath = Source::plan.name(Piece).substr(PathBegin);
    if constexpr (kPath.empty()) {
        with_text(value, [&out](std::string_view text) {
            constexpr auto kPiece = Source::plan.piece(Piece);
            constexpr bool kAsItIs = kPiece.raw || is_never_encoded<T>(kPiece.stop);
            append_text(out, text, Source::plan.name(Piece), kPiece.stop, kAsItIs);
        });
    } else {
        constexpr auto kField = field_index<T>(path_head(kPath));
        constexpr auto kRest = Source::plan.name(Piece).size() - path_tail(kPath).size();
        append_value<Source, Piece, kRest>(out,
                                           std::invoke(std::get<kField>(kFields<T>).member, value));
    }
}

template <class Source, std::size_t Piece, class... Args>
void append_piece(std::string& out, const std::tuple<const Args&...>& arguments) {
    constexpr auto kLiteral = Source::plan.literal(Piece);
    out.append(kLiteral);
    if constexpr (Source::plan.piece(Piece).has_placeholder()) {
        constexpr auto kBinding = Source::plan.binding(Piece);
        append_value<Source, Piece, kBinding.path_begin>(
            out, value_of(std::get<kBinding.argument>(arguments)));
    }
}

template <FixedText Template, FixedText Spelling, class... Args>
[[nodiscard]] std::string format_key(const Args&... args) {
    using Source = KeySource<Template, Spelling, Args...>;
    std::string out;
    if constexpr (is_sound<Source>()) {
        constexpr std::size_t kUsual = 24;  // of a value
        out.reserve(Template.size + kUsual * sizeof...(Args));
        [&out]<std::size_t... I>(const std::tuple<const Args&...>& arguments,
                                 std::index_sequence<I...>) {
            (append_piece<Source, I>(out, arguments), ...);
        }
        (std::tie(args...), std::make_index_sequence<Source::plan.size()>{});
    }
    return out;
}

// `args` are the values of the call, without manager, template and options. The call is
// well_spelled().
template <CallText Call, class... Args>
[[nodiscard]] std::string format_call_key(const Args&... args) {
    constexpr auto kCall = read_lock_call(Call, sizeof...(Args));
    return format_key<kCall.key_template, kCall.arguments>(args...);
}

}  // namespace leaselock::detail

// format_key is what LEASELOCK_KEY calls; CallKeySource and key_of are for the lock macro. The plan
// is made while compiling, a wrong one is refused with a sentence, and the key is built at run
// time. That throws LockError (Errc::invalid_template) for an empty value, and what a user's
// fmt::formatter throws.
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

#include <leaselock/detail/key_advice.hpp>
#include <leaselock/detail/key_fields.hpp>
#include <leaselock/detail/key_lock_call.hpp>
#include <leaselock/detail/key_parse.hpp>
#include <leaselock/detail/key_plan.hpp>
#include <leaselock/detail/key_text.hpp>
#include <leaselock/detail/key_value.hpp>

namespace leaselock::detail {

template <FixedText Template, FixedText Spelling, class... Args>
struct KeySource {
    static constexpr KeyPlan<Template, Spelling, Args...> plan{};
    static constexpr std::size_t capacity = Template.size;
    static consteval KeyVerdict verdict() { return plan.verdict(); }
};

// The call, as far as that can be seen without its types. `% __LINE__` is the first argument of
// what the lock macros call, so that what is said of overloads is said later.
struct Spelled {};
template <CallText Call>
struct CallSource {
    static consteval KeyVerdict verdict() { return read_lock_spelling(Call); }
};
template <CallText Call>
[[nodiscard]] auto spelling() {
    return judged<CallSource<Call>, Spelled>([] { return Spelled{}; });
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

// Of a source that is sound.
template <class Source, class... Args>
[[nodiscard]] std::string key_of(const Args&... args) {
    std::string out;
    constexpr std::size_t kUsual = 24;  // of a value
    out.reserve(Source::capacity + kUsual * sizeof...(Args));
    [&out]<std::size_t... I>(const std::tuple<const Args&...>& arguments,
                             std::index_sequence<I...>) {
        (append_piece<Source, I>(out, arguments), ...);
    }
    (std::tie(args...), std::make_index_sequence<Source::plan.size()>{});
    return out;
}

// `% __LINE__` gives the key.
template <FixedText Template, FixedText Spelling, class... Args>
[[nodiscard]] auto format_key(const Args&... args) {
    using Source = KeySource<Template, Spelling, Args...>;
    return judged<Source, std::string>([&] { return key_of<Source>(args...); });
}

// The source of a call whose spelling() is sound; the last are the values of the call, without
// manager, template and options.
template <CallText Call, class... Args>
struct CallKey {
    static constexpr auto call = read_lock_call(Call, sizeof...(Args));
    using Source = KeySource<call.key_template, call.arguments, Args...>;
};
template <CallText Call, class... Args>
using CallKeySource = typename CallKey<Call, Args...>::Source;

}  // namespace leaselock::detail

// Takes the spelling of DISTRIBUTED_LOCK's arguments apart while compiling:
//
//   ([manager,] "template" [, options] [, arguments...])
//
// The template must be spelled out there, because a macro that takes its arguments whole sees only
// their text. What is wrong with that text is found here, before the compiler looks at the types,
// so that one sentence says it. Used by the lock macro through format_call_key.
//
// Thread-safety: functions without shared state.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include <leaselock/detail/key_call.hpp>
#include <leaselock/detail/key_parse.hpp>
#include <leaselock/detail/key_text.hpp>

namespace leaselock::detail {

template <std::size_t Capacity>
struct LockCall {
    FixedText<Capacity> key_template;
    FixedText<Capacity> arguments;
};

// Decodes "a" "b" to the end of `out`. Only \" and \\ are known among the escapes.
template <std::size_t Capacity>
[[nodiscard]] constexpr KeyFault read_literal(std::string_view spelling, FixedText<Capacity>& out) {
    while (!spelling.empty()) {
        if (spelling.front() != '"') return KeyFault::template_is_no_literal;
        const auto end = end_of_literal(spelling, 0);
        for (std::size_t at = 1; at + 1 < end; ++at) {
            if (spelling[at] == '\\' && spelling[++at] != '"' && spelling[at] != '\\') {
                return KeyFault::unsupported_escape;
            }
            out.push_back(spelling[at]);
        }
        spelling = trim(spelling.substr(end));
    }
    return KeyFault::none;
}

// The fields of LockOptions, in their order.
inline constexpr std::array<std::string_view, 11> kOptionNames{
    "ttl",      "wait",     "wait_timeout", "retry_count", "retry_delay", "renewal",
    "max_hold", "min_hold", "share",        "backend",     "require"};
inline constexpr std::array<std::string_view, 5> kDurationNames{
    "ttl", "wait_timeout", "retry_delay", "max_hold", "min_hold"};

[[nodiscard]] constexpr bool is_number(std::string_view spelling) {
    return !spelling.empty() && std::all_of(spelling.begin(), spelling.end(),
                                            [](char c) { return is_digit(c) || c == '\''; });
}

// What is wrong with one `.name = value` of a list of options, of which `next` may come next.
[[nodiscard]] constexpr KeyFault option_fault(std::string_view option, std::size_t& next) {
    NameReader reader(option);
    if (!reader.take(".")) return KeyFault::none;
    const auto name = reader.take_name();
    const auto known = std::find(kOptionNames.begin(), kOptionNames.end(), name);
    if (known == kOptionNames.end()) {
        return name == "key_template" ? KeyFault::none : KeyFault::unknown_option;
    }
    const auto index = static_cast<std::size_t>(known - kOptionNames.begin());
    if (index < next) return KeyFault::option_order;
    next = index + 1;
    const bool timed =
        std::find(kDurationNames.begin(), kDurationNames.end(), name) != kDurationNames.end();
    const auto equals = position_of(option, '=');
    if (timed && equals != std::string_view::npos && is_number(trim(option.substr(equals + 1)))) {
        return KeyFault::option_without_unit;
    }
    return KeyFault::none;
}

// Of a list of options as it is spelled, in its braces.
[[nodiscard]] constexpr KeyVerdict options_verdict(std::string_view braced) {
    CallScanner options(braced.substr(1, braced.size() - 2));
    for (std::size_t next = 0; !options.done();) {
        const auto option = options.next();
        const KeyFault fault = option_fault(option, next);
        if (fault != KeyFault::none) return {fault, option};
    }
    return {};
}

// The template, which comes first, or after the manager.
[[nodiscard]] constexpr std::string_view next_template(CallScanner& scanner) {
    const auto first = scanner.next();
    return first.starts_with('"') || scanner.done() ? first : scanner.next();
}

// What is wrong with a call, as far as that can be seen without its types: where template and
// options are, and what the options are.
template <std::size_t Capacity>
[[nodiscard]] constexpr KeyVerdict read_lock_spelling(const CallText<Capacity>& call) {
    CallScanner scanner(call.view());
    if (scanner.done()) return {KeyFault::no_template, {}};
    const auto key_template = next_template(scanner);
    FixedText<Capacity> ignored;
    KeyVerdict verdict{read_literal(key_template, ignored), key_template};
    for (bool first = true; !scanner.done() && verdict.fault == KeyFault::none; first = false) {
        const auto item = scanner.next();
        if (!item.starts_with('{')) continue;
        verdict =
            first ? options_verdict(item) : KeyVerdict{KeyFault::options_after_arguments, item};
    }
    return scanner.saw_raw_string() ? KeyVerdict{KeyFault::raw_string, call.view()} : verdict;
}

// Of a call that is spelled well. `values` is the number of values after the options as the
// compiler counted them: so manager and options may be any expression, and options given by name
// are not taken for a value.
template <std::size_t Capacity>
[[nodiscard]] constexpr LockCall<Capacity> read_lock_call(const CallText<Capacity>& call,
                                                          std::size_t values) {
    LockCall<Capacity> result;
    CallScanner scanner(call.view());
    static_cast<void>(read_literal(next_template(scanner), result.key_template));
    auto counter = scanner;
    std::size_t rest = 0;
    for (; !counter.done(); ++rest) static_cast<void>(counter.next());
    if (rest == values + 1) static_cast<void>(scanner.next());
    result.arguments = FixedText<Capacity>(scanner.rest());
    return result;
}

}  // namespace leaselock::detail

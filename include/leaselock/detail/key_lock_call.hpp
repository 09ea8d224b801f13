// Takes the spelling of DISTRIBUTED_LOCK's arguments apart while compiling:
//
//   ([manager,] "template" [, options] [, arguments...])
//
// The template must be spelled out there, because a macro that takes its arguments whole sees only
// their text. Used by the lock macro through format_call_key.
//
// Thread-safety: functions without shared state.
#pragma once

#include <cstddef>
#include <string_view>

#include <leaselock/detail/key_call.hpp>
#include <leaselock/detail/key_parse.hpp>
#include <leaselock/detail/key_text.hpp>

namespace leaselock::detail {

template <std::size_t Capacity>
struct LockCall {
    KeyFault fault = KeyFault::none;
    FixedText<Capacity> culprit;
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

// `values` is the number of values behind the options as the compiler counted them: so manager and
// options may be any expression, and options given by name are not taken for a value.
template <std::size_t Capacity>
[[nodiscard]] constexpr LockCall<Capacity> read_lock_call(const CallText<Capacity>& call,
                                                          std::size_t values) {
    LockCall<Capacity> result;
    CallScanner scanner(call.view());
    auto literal = scanner.next();
    if (!literal.starts_with('"') && !scanner.done()) literal = scanner.next();
    result.culprit = FixedText<Capacity>(literal);
    result.fault = read_literal(literal, result.key_template);

    auto counter = scanner;
    std::size_t behind = 0;
    for (; !counter.done(); ++behind) static_cast<void>(counter.next());
    if (counter.saw_raw_string()) result.fault = KeyFault::raw_string;
    if (result.fault != KeyFault::none) return result;

    if (behind == values + 1) static_cast<void>(scanner.next());
    result.arguments = FixedText<Capacity>(scanner.rest());
    return result;
}

}  // namespace leaselock::detail

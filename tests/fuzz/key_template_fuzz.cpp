// Goal: a run-time template is parsed or refused, and two lists of values never share a key.
// Method: the first line is a template, the next four are two values for `a` and `b` each.
#include <array>
#include <optional>
#include <string>
#include <system_error>

#include <leaselock/error.hpp>
#include <leaselock/key_template.hpp>

#include "fuzz/fuzz_input.hpp"

namespace leaselock {
namespace {

using fuzz::promise;

// The key from `a`, and from `b` if the template has that too; nothing if it wants other values.
std::optional<std::string> key_of(const KeyTemplate& form, bool has_b, std::string_view a,
                                  std::string_view b) {
    std::error_code ec;
    std::string key = has_b ? form.format({{"a", a}, {"b", b}}, ec) : form.format({{"a", a}}, ec);
    if (!ec) return key;
    promise(ec == Errc::invalid_template, "the error is about the template");
    return std::nullopt;
}

void check(const KeyTemplate& form, fuzz::Input& values) {
    const std::array<std::string_view, 4> value{values.line(), values.line(), values.line(),
                                                values.line()};
    for (const bool has_b : {false, true}) {
        const auto first = key_of(form, has_b, value[0], value[1]);
        const auto second = key_of(form, has_b, value[2], value[3]);
        const bool is_raw = form.text().find("raw") != std::string::npos;
        if (!first || !second || is_raw) continue;
        const bool same = value[0] == value[2] && (!has_b || value[1] == value[3]);
        promise(same == (*first == *second), "a list of values is a key of its own");
    }
}

}  // namespace
}  // namespace leaselock

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    leaselock::fuzz::Input input{data, size};
    std::error_code ec;
    const auto form = leaselock::KeyTemplate::parse(input.line(), ec);
    leaselock::fuzz::promise(form.has_value() || ec == leaselock::Errc::invalid_template,
                             "the error is about the template");
    if (form) leaselock::check(*form, input);
    return 0;
}

// Goal: KeyTemplate reads the same templates as LEASELOCK_KEY, gives the same keys and refuses what
// that does not compile, each fault with its own words.
// Method: tables of templates and values; every refusal is asked for in both forms, with an
// exception and with an error code.
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <leaselock/error.hpp>
#include <leaselock/key_macros.hpp>
#include <leaselock/key_template.hpp>

namespace {

using leaselock::Errc;
using leaselock::KeyTemplate;
using leaselock::NamedValue;

void expect_refused(std::string_view text, std::string_view words) {
    std::error_code ec;
    EXPECT_FALSE(KeyTemplate::parse(text, ec).has_value()) << text;
    EXPECT_EQ(ec, Errc::invalid_template) << text;
    try {
        static_cast<void>(KeyTemplate::parse(text));
        ADD_FAILURE() << text << " was accepted";
    } catch (const leaselock::LockError& error) {
        EXPECT_EQ(error.code(), Errc::invalid_template);
        EXPECT_NE(std::string_view(error.what()).find(words), std::string_view::npos)
            << text << ": " << error.what();
    }
}

void expect_values_refused(std::string_view text, const std::vector<NamedValue>& values,
                           std::string_view words) {
    const auto key_template = KeyTemplate::parse(text);
    std::error_code ec;
    EXPECT_EQ(key_template.format(values, ec), "");
    EXPECT_EQ(ec, Errc::invalid_template);
    try {
        ADD_FAILURE() << "gave " << key_template.format(values);
    } catch (const leaselock::LockError& error) {
        EXPECT_EQ(error.code(), Errc::invalid_template);
        EXPECT_NE(std::string_view(error.what()).find(words), std::string_view::npos)
            << error.what();
    }
}

TEST(KeyTemplate, FormatsNamedValues) {
    const auto stock = KeyTemplate::parse("stock-{{productId}}-{{ body.id }}");
    EXPECT_EQ(stock.format({{"productId", 42}, {"body.id", "x"}}), "stock-42-x");
    EXPECT_EQ(stock.format({{"body.id", std::string("y")}, {"productId", true}}), "stock-true-y");
    EXPECT_EQ(stock.text(), "stock-{{productId}}-{{ body.id }}");
    EXPECT_EQ(KeyTemplate::parse("nightly").format({}), "nightly");
}

TEST(KeyTemplate, StaysRightWhenItIsCopiedAndMoved) {
    auto first = KeyTemplate::parse("a-{{x}}");
    const auto copy = first;
    const auto moved = std::move(first);
    EXPECT_EQ(copy.format({{"x", 1}}), "a-1");
    EXPECT_EQ(moved.format({{"x", 1}}), "a-1");
}

TEST(KeyTemplate, GivesTheKeysOfTheMacro) {
    const std::string a = "1-2{%}\n";
    const int b = -3;
    const double c = 0.5;
    constexpr std::string_view kText = "{x{{a}}-{{b}}}:{{ c | raw }}.";
    EXPECT_EQ(KeyTemplate::parse(kText).format({{"a", a}, {"b", b}, {"c", c}}),
              LEASELOCK_KEY(kText, a, b, c));
}

TEST(KeyTemplate, ErrorCodeFormsAnswerAndClearTheCode) {
    std::error_code ec = leaselock::make_error_code(Errc::held);
    const auto parsed = KeyTemplate::parse("a-{{x}}", ec);
    EXPECT_FALSE(ec);
    ec = leaselock::make_error_code(Errc::held);
    EXPECT_EQ(parsed.value().format({{"x", 1}}, ec), "a-1");
    EXPECT_FALSE(ec);
}

TEST(KeyTemplate, RefusesUnbalancedBraces) {
    for (const auto* text :
         {"{{a", "{{a}", "a}}", "{{a}}}", "{{{a}}", "{", "}", "a{b", "a}b", "{{a}}{", "{{{{a}}}}",
          "{{{a}}}}", "{a{b}c}", "{{a{b}}", "{{ {a} }}", "{{", "}{", "{a{{{b}}}"}) {
        expect_refused(text, "unbalanced braces");
    }
}

TEST(KeyTemplate, RefusesEachOtherFaultInItsOwnWords) {
    expect_refused("", "empty");
    expect_refused("a-{{}}", "empty placeholder");
    expect_refused("a-{{ }}", "empty placeholder");
    expect_refused("a-{{|raw}}", "empty placeholder");
    expect_refused("{{a}}{{b}}", "adjacent placeholders");
    expect_refused("{{{a}}{{b}}}", "adjacent placeholders");
    expect_refused("{{a}}%{{b}}", "begins with '%'");
    expect_refused("{{a|upper}}", "unknown modifier");
    expect_refused("{{a|}}", "unknown modifier");
    expect_refused("{{a|raw|raw}}", "unknown modifier");
    expect_refused("{a}-{b}", "second hash tag");
    expect_refused("{{{a}}}-{{{b}}}", "second hash tag");
    expect_refused("a{}b", "empty hash tag");
}

TEST(KeyTemplate, TellsWhereTheFaultIs) { expect_refused("ab-{{x|up}}", "at byte 3: '{{x|up}}'"); }

TEST(KeyTemplate, RefusesValuesThatDoNotFit) {
    expect_values_refused("{{a}}-{{b}}", {{"a", 1}}, "placeholder 'b' has no value");
    expect_values_refused("{{a}}", {{"a", 1}, {"b", 1}}, "no placeholder takes the value 'b'");
    expect_values_refused("x", {{"", 1}}, "no placeholder takes the value ''");
    expect_values_refused("{{a}}", {{"a", 1}, {"a", 2}}, "two values are named 'a'");
    expect_values_refused("{{a}}", {{"a", ""}}, "'a' is empty");
    expect_values_refused("{{a|raw}}", {{"a", ""}}, "'a' is empty");
    expect_values_refused("{{a}}", {{"a", static_cast<const char*>(nullptr)}}, "'a' is empty");
}

}  // namespace

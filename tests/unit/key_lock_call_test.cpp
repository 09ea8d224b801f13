// Goal: a macro that takes a manager, a template, options and arguments whole can be written on top
// of the key layer, with every form of call. Method: a stub with the overloads of the lock macro
// reports what reached it; the manager and the options are stand-ins, so nothing above the key
// layer takes part.
#include <algorithm>
#include <chrono>
#include <gtest/gtest.h>
#include <string>
#include <type_traits>
#include <utility>

#include <leaselock/detail/key_format.hpp>
#include <leaselock/key_macros.hpp>

namespace {

using namespace std::chrono_literals;
using leaselock::detail::CallText;

struct StubManager {
    std::string name = "given";
    StubManager& self() { return *this; }
};
struct StubOptions {
    std::chrono::milliseconds ttl{0};
    bool wait = false;
    std::chrono::milliseconds retry_delay{100};
};
struct Seen {
    std::string key;
    std::string manager;
    std::chrono::milliseconds ttl;
    bool wait;
};

// Options that are given by name or as a temporary would else be taken for the first argument.
template <class... Args>
constexpr bool kStartsWithOptions = false;
template <class First, class... Args>
constexpr bool kStartsWithOptions<First, Args...> =
    std::is_same_v<std::remove_cvref_t<First>, StubOptions>;

template <CallText Call, class... Args>
std::string key_of_call(const Args&... args) {
    return leaselock::detail::key_of<leaselock::detail::CallKeySource<Call, Args...>>(args...);
}

template <CallText Call, class... Args>
Seen stub_scope(StubManager& manager, const char*, const StubOptions& options, Args&&... args) {
    return {key_of_call<Call>(args...), manager.name, options.ttl, options.wait};
}
template <CallText Call, class... Args>
requires(!kStartsWithOptions<Args...>) Seen
    stub_scope(StubManager& manager, const char*, Args&&... args) {
    return {key_of_call<Call>(args...), manager.name, 0ms, false};
}
template <CallText Call, class... Args>
Seen stub_scope(const char*, const StubOptions& options, Args&&... args) {
    return {key_of_call<Call>(args...), "default", options.ttl, options.wait};
}
template <CallText Call, class... Args>
requires(!kStartsWithOptions<Args...>) Seen stub_scope(const char*, Args&&... args) {
    return {key_of_call<Call>(args...), "default", 0ms, false};
}

#define STUB_LOCK(...) stub_scope<CallText{#__VA_ARGS__}>(__VA_ARGS__)

TEST(LockCall, TakesManagerTemplateOptionsAndArguments) {
    StubManager manager;
    const int productId = 42;
    const auto seen =
        STUB_LOCK(manager, "stock-{{productId}}", {.ttl = 10s, .wait = true}, productId);
    EXPECT_EQ(seen.key, "stock-42");
    EXPECT_EQ(seen.manager, "given");
    EXPECT_EQ(seen.ttl, 10s);
    EXPECT_TRUE(seen.wait);
}

TEST(LockCall, TakesEveryShorterForm) {
    StubManager manager;
    const int id = 1;
    const int b = 2;
    EXPECT_EQ(STUB_LOCK(manager, "a-{{id}}-{{b}}", b, id).key, "a-1-2");
    EXPECT_EQ(STUB_LOCK(manager, "a").key, "a");
    EXPECT_EQ(STUB_LOCK(manager, "a", {.ttl = 1s}).key, "a");
    EXPECT_EQ(STUB_LOCK("a-{{id}}", id).key, "a-1");
    EXPECT_EQ(STUB_LOCK("a").key, "a");
    EXPECT_EQ(STUB_LOCK("a").manager, "default");
    const auto seen = STUB_LOCK("a-{{id}}", {.ttl = 1s}, id);
    EXPECT_EQ(seen.key, "a-1");
    EXPECT_EQ(seen.manager, "default");
    EXPECT_EQ(seen.ttl, 1s);
}

TEST(LockCall, TakesAnyExpressionForManagerAndOptions) {
    std::pair<StubManager, int> pair;
    const int id = 1;
    StubOptions options{.ttl = 3s, .wait = true};
    EXPECT_EQ(
        STUB_LOCK((std::get<0>(pair)).self(), "a-{{id}}", {.ttl = 1'000ms, .wait = true}, id).key,
        "a-1");
    EXPECT_EQ(
        STUB_LOCK(pair.first, "a-{{id}}", StubOptions{.ttl = 2s, .wait = ',' == '\''}, id).ttl, 2s);
    EXPECT_EQ(STUB_LOCK(pair.first, "a-{{id}}", options, id).ttl, 3s);
    EXPECT_EQ(STUB_LOCK(pair.first, "a", options).key, "a");
    EXPECT_EQ(STUB_LOCK("a-{{id}}", options, id).key, "a-1");
}

TEST(LockCall, DecodesQuotesBackslashesAndAdjacentLiterals) {
    const int id = 1;
    EXPECT_EQ(STUB_LOCK("say \"{{id}}\", "
                        "back\\slash",
                        id)
                  .key,
              "say \"1\", back\\slash");
}

TEST(LockCall, TakesNamedExpressionsAndFields) {
    StubManager manager;
    const int a = 1;
    EXPECT_EQ(
        STUB_LOCK(manager, "{{sum}}", {.wait = true}, leaselock::arg<"sum">(std::max(a, 2))).key,
        "2");
}

}  // namespace

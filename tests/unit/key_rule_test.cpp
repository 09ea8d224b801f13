// Goal: which keys there can be is one rule for every store, kept before any I/O, and a key that is
// a template is refused with a hint. Method: a manager whose backend keeps a record, and the rule
// as examples.
#include "lock/key_rule.hpp"

#include <array>
#include <gtest/gtest.h>
#include <string>
#include <string_view>

#include <leaselock/testing/detail/granted.hpp>

#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

constexpr std::array<std::string_view, 8> kRefused{
    "payment-{{order.id}}", "{{x", "a}b", "}", "{}", "x:ll:q", "{u}:ll:F", "a}{b}{{"};

std::string refusal(LockManager& locks, std::string_view key) {
    try {
        (void)locks.acquire(key);
    } catch (const LockError& error) {
        return error.code() == Errc::invalid_key ? error.what() : "another code";
    }
    return {};
}

TEST(KeyRule, IsKeptForEveryStoreBeforeAnyCommand) {
    ManagerWorld world;
    for (const std::string_view key : kRefused) {
        EXPECT_NE(refusal(world.manager, key), "") << key;
        EXPECT_NE(refusal(world.manager, key), "another code") << key;
    }
    EXPECT_TRUE(world.backend->records().empty());
    for (const std::string_view key :
         {"payment-{order.id}", "{u}:cart", "a{b", "a{b}c{d}", "a b"}) {
        EXPECT_EQ(refusal(world.manager, key), "") << key;
    }
}

TEST(KeyRule, HoldsForEveryWayToAKey) {
    ManagerWorld world;
    std::error_code ec;
    LockOwner owner{world.manager};
    EXPECT_FALSE(granted(owner.acquire("a-{{b}}", {}, {}, ec)));
    EXPECT_EQ(ec, Errc::invalid_key);
    EXPECT_FALSE(granted(acquire_all(world.manager, {"a", "a-{{b}}"}, {}, {}, ec)));
    EXPECT_EQ(ec, Errc::invalid_key);
    EXPECT_THROW((void)(ScopedDistributedLock{world.manager, "a-{{b}}"}), LockError);
    EXPECT_THROW((void)world.manager.inspect("a-{{b}}"), LockError);
    CountDownLatch latch{world.manager, "a-{{b}}", 2};
    EXPECT_THROW(latch.count_down(), LockError);
}

TEST(KeyRule, TemplateAtRunTimeIsRefusedWithAHint) {
    ManagerWorld world;
    const std::string words = refusal(world.manager, "payment-{{order.id}}");
    EXPECT_NE(words.find("payment-{{order.id}}"), std::string::npos) << words;
    EXPECT_NE(words.find("LEASELOCK_KEY"), std::string::npos) << words;
    EXPECT_NE(words.find("KeyTemplate"), std::string::npos) << words;
}

TEST(KeyRule, IsAskedOfTheKeyWithItsPrefix) {
    const auto clock = std::make_shared<testing::ManualClock>();
    LockManager tagged{{.prefix = "{tenant}:", .clock = clock}};
    EXPECT_EQ(refusal(tagged, "a}b"), "");
    LockManager reserved{{.prefix = "x:ll:", .clock = clock}};
    EXPECT_NE(refusal(reserved, "q"), "");
    LockManager open{{.prefix = "{", .clock = clock}};
    EXPECT_NE(refusal(open, "{a"), "");
}

TEST(KeyRule, FindsABraceWhereverItIs) {
    for (std::size_t size = 1; size <= 40; ++size) {
        const std::string plain(size, 'y');  // of which a bit or two make a brace
        EXPECT_EQ(detail::key_fault(plain), "");
        for (std::size_t at = 0; at < size; ++at) {
            std::string key = plain;
            key[at] = '}';
            EXPECT_NE(detail::key_fault(key), "") << key;
            if (at + 1 == size) continue;
            key[at] = key[at + 1] = '{';
            EXPECT_NE(detail::key_fault(key), "") << key;
        }
    }
}

}  // namespace
}  // namespace leaselock

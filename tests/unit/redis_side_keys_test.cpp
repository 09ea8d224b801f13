// Goal: a lock and its side keys always lie in one cluster slot, and no two of all keys are the
// same. Method: the rules as examples, then every key of up to seven bytes from the letters that
// matter, with Redis' own definition of a slot written down here once more.
#include <cstdint>
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <unordered_set>

#include "lock/key_rule.hpp"
#include "redis/side_keys.hpp"
#include "support/cluster_slot.hpp"
#include "support/redis_server.hpp"

namespace leaselock::redis {
namespace {

using detail::key_fault;
using support::cluster_slot;

TEST(RedisSideKeys, SlotsOfThisTestAreThoseOfRedis) {
    EXPECT_EQ(cluster_slot("123456789"), 12739);
    EXPECT_EQ(cluster_slot("foo"), 12182);
    EXPECT_EQ(cluster_slot("a{foo}b"), 12182);
}

// A server asked whether the slots of this test are its own.
TEST(RedisSideKeys, SlotsOfThisTestAreThoseOfARealServer) {
    support::RedisServer server{{"--cluster-enabled", "yes"}};
    for (const std::string key : {"a", "{a}", "x{a}y", "{}a", "a{b", "}{a}", "{a}{b}", "{{a}}",
                                  "hazel:lock:stock-42", "\x01\xff"}) {
        EXPECT_EQ(server.cli("CLUSTER", "KEYSLOT", key), std::to_string(cluster_slot(key))) << key;
        if (!key_fault(key).empty()) continue;
        for (const SideKey kind : {SideKey::fence, SideKey::queue, SideKey::waiters}) {
            EXPECT_EQ(server.cli("CLUSTER", "KEYSLOT", side_key(key, kind)),
                      server.cli("CLUSTER", "KEYSLOT", key))
                << key;
        }
    }
}

TEST(RedisSideKeys, WrapKeysWithoutClosingBrace) {
    EXPECT_EQ(side_key("stock:1", SideKey::fence), "{stock:1}:ll:f");
    EXPECT_EQ(side_key("stock:1", SideKey::queue), "{stock:1}:ll:q");
    EXPECT_EQ(side_key("stock:1", SideKey::waiters), "{stock:1}:ll:w");
    EXPECT_EQ(side_key("a{b", SideKey::fence), "{a{b}:ll:f");
}

TEST(RedisSideKeys, FollowKeysWithAHashTag) {
    EXPECT_EQ(side_key("stock:{1}", SideKey::fence), "stock:{1}:ll:F");
    EXPECT_EQ(side_key("stock:{1}x", SideKey::queue), "stock:{1}x:ll:Q");
    EXPECT_EQ(side_key("stock:{1}x", SideKey::waiters), "stock:{1}x:ll:W");
}

TEST(RedisSideKeys, RefuseBracesThatLeaveNoSlotForAFence) {
    for (const std::string_view key : {"}", "a}", "{}", "{}a", "a{}b{c}", "}{"}) {
        EXPECT_FALSE(key_fault(key).empty()) << key;
    }
    for (const std::string_view key : {"a", "{", "a{b", "{a}", "x{a}y", "}{a}", "{a}}"}) {
        EXPECT_TRUE(key_fault(key).empty()) << key;
    }
}

TEST(RedisSideKeys, RefuseKeysThatEndLikeASideKey) {
    for (const char end : std::string_view{"fwqFWQ"}) {
        EXPECT_FALSE(key_fault(std::string{"{a}:ll:"} + end).empty()) << end;
        EXPECT_FALSE(key_fault(std::string{"a:ll:"} + end).empty()) << end;
    }
    for (const std::string_view key : {"a:ll:x", "a:ll:fx", ":ll:", "all:f", "a:ll"}) {
        EXPECT_TRUE(key_fault(key).empty()) << key;
    }
}

// Calls `look` with each text of 1 to `longest` bytes from `letters`.
template <typename Look>
void for_each_text(std::string_view letters, std::size_t longest, const Look& look,
                   const std::string& text = {}) {
    if (!text.empty()) look(text);
    if (text.size() == longest) return;
    for (const char letter : letters) for_each_text(letters, longest, look, text + letter);
}

TEST(RedisSideKeys, LieInTheSlotOfTheirLockForEveryKey) {
    std::size_t checked = 0;
    for_each_text("ab{}:", 7, [&](const std::string& key) {
        if (!key_fault(key).empty()) return;
        ++checked;
        for (const SideKey which : {SideKey::fence, SideKey::queue, SideKey::waiters}) {
            ASSERT_EQ(cluster_slot(side_key(key, which)), cluster_slot(key)) << key;
        }
    });
    EXPECT_GT(checked, 20'000U);
}

TEST(RedisSideKeys, AreNoOtherLocksKeyOrSideKey) {
    std::unordered_set<std::string> side_keys;
    for_each_text("ab{}:", 7, [&](const std::string& key) {
        if (!key_fault(key).empty()) return;
        for (const SideKey which : {SideKey::fence, SideKey::queue, SideKey::waiters}) {
            const std::string side = side_key(key, which);
            ASSERT_TRUE(side_keys.insert(side).second) << side << " of " << key;
            ASSERT_FALSE(key_fault(side).empty()) << side << " could be a lock";
        }
    });
}

// With the letters of the suffixes, so that keys and side keys can meet at all.
TEST(RedisSideKeys, DoNotMeetKeysMadeOfTheirOwnParts) {
    std::unordered_set<std::string> keys;
    for_each_text("a{}", 4, [&](const std::string& start) {
        for (const std::string_view middle : {"", ":ll:", "}:ll:", ":ll:f:ll:", ":LL:"}) {
            for (const std::string_view end : {"", "f", "F", "w", "W", "x"}) {
                const std::string key = start + std::string{middle} + std::string{end};
                if (key_fault(key).empty()) keys.insert(key);
            }
        }
    });
    std::unordered_set<std::string> all = keys;
    for (const std::string& key : keys) {
        for (const SideKey which : {SideKey::fence, SideKey::queue, SideKey::waiters}) {
            const std::string side = side_key(key, which);
            ASSERT_TRUE(all.insert(side).second) << side << " of " << key;
        }
    }
    EXPECT_GT(all.size(), 1'000U);
}

}  // namespace
}  // namespace leaselock::redis

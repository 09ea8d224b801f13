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

constexpr SideKey own_keys[] = {SideKey::queue, SideKey::waiters, SideKey::holders};

// A server asked whether the slots of this test are its own.
TEST(RedisSideKeys, SlotsOfThisTestAreThoseOfARealServer) {
    support::RedisServer server{{"--cluster-enabled", "yes"}};
    for (const std::string key : {"a", "{a}", "x{a}y", "{}a", "a{b", "}{a}", "{a}{b}", "{{a}}",
                                  "hazel:lock:stock-42", "\x01\xff"}) {
        const std::string slot = std::to_string(cluster_slot(key));
        EXPECT_EQ(server.cli("CLUSTER", "KEYSLOT", key), slot) << key;
        if (!key_fault(key).empty()) continue;
        for (const SideKey kind : own_keys) {
            EXPECT_EQ(server.cli("CLUSTER", "KEYSLOT", side_key(key, 0, kind)), slot) << key;
        }
        const std::string counter = side_key(key, key.size() / 2, SideKey::counter);
        EXPECT_EQ(server.cli("CLUSTER", "KEYSLOT", counter), slot) << key << ", " << counter;
    }
}

TEST(RedisSideKeys, WrapKeysWithoutClosingBrace) {
    EXPECT_EQ(side_key("stock:1", 6, SideKey::queue), "{stock:1}:ll:2q");
    EXPECT_EQ(side_key("stock:1", 6, SideKey::waiters), "{stock:1}:ll:2w");
    EXPECT_EQ(side_key("stock:1", 6, SideKey::holders), "{stock:1}:ll:h");
    EXPECT_EQ(side_key("a{b", 0, SideKey::queue), "{a{b}:ll:2q");
}

TEST(RedisSideKeys, FollowKeysWithAHashTag) {
    EXPECT_EQ(side_key("stock:{1}", 6, SideKey::queue), "stock:{1}:ll:2Q");
    EXPECT_EQ(side_key("stock:{1}x", 6, SideKey::waiters), "stock:{1}x:ll:2W");
    EXPECT_EQ(side_key("stock:{1}x", 6, SideKey::holders), "stock:{1}x:ll:H");
}

TEST(RedisSideKeys, CounterBelongsToThePrefixAndTheSlot) {
    const std::string counter = side_key("stock:1", 6, SideKey::counter);
    EXPECT_TRUE(counter.starts_with("stock::ll:2c:")) << counter;
    EXPECT_EQ(counter.size(), std::string_view{"stock::ll:2c:xyz"}.size());
    EXPECT_NE(side_key("stock:2", 6, SideKey::counter), counter) << "another slot";
    EXPECT_NE(side_key("stock:1", 0, SideKey::counter), counter) << "another prefix";
    EXPECT_EQ(side_key("{shop}:stock:1", 7, SideKey::counter), "{shop}::ll:2C");
    EXPECT_EQ(side_key("{shop}:stock:2", 7, SideKey::counter), "{shop}::ll:2C");
}

// All slots are reached, and by one name each: at most so many counters are left of a prefix.
TEST(RedisSideKeys, PrefixHasOneCounterForEachSlot) {
    std::unordered_set<std::string> counters;
    std::unordered_set<int> slots;
    for (int i = 0; i < 200'000; ++i) {
        const std::string key = "p:" + std::to_string(i);
        counters.insert(side_key(key, 2, SideKey::counter));
        slots.insert(cluster_slot(key));
    }
    EXPECT_EQ(slots.size(), 16'384U);
    EXPECT_EQ(counters.size(), 16'384U);
}

TEST(RedisSideKeys, RefuseBracesThatLeaveNoSlotForAQueue) {
    for (const std::string_view key : {"}", "a}", "{}", "{}a", "a{}b{c}", "}{"}) {
        EXPECT_FALSE(key_fault(key).empty()) << key;
    }
    for (const std::string_view key : {"a", "{", "a{b", "{a}", "x{a}y", "}{a}", "{a}}"}) {
        EXPECT_TRUE(key_fault(key).empty()) << key;
    }
}

TEST(RedisSideKeys, RefuseKeysThatEndLikeASideKey) {
    for (const char end : std::string_view{"cfhqwCFHQW"}) {
        for (const std::string version : {"", "2", "3", "17"}) {
            EXPECT_FALSE(key_fault("{a}:ll:" + version + end).empty()) << version << end;
            EXPECT_FALSE(key_fault("a:ll:" + version + end).empty()) << version << end;
        }
    }
    EXPECT_FALSE(key_fault("a:ll:2c:xyz").empty());
    EXPECT_FALSE(key_fault(":ll:2c:xyz").empty()) << "that of no prefix";
    for (const std::string_view key :
         {"a:ll:x", "a:ll:fx", ":ll:", "all:f", "a:ll", "a:ll:2", "a:ll:2c:xy", "a:ll:2q:xyz"}) {
        EXPECT_TRUE(key_fault(key).empty()) << key;
    }
}

// Calls `check` with each text of 1 to `longest` bytes from `letters`.
template <typename Check>
void for_each_text(std::string_view letters, std::size_t longest, const Check& check,
                   const std::string& text = {}) {
    if (!text.empty()) check(text);
    if (text.size() == longest) return;
    for (const char letter : letters) for_each_text(letters, longest, check, text + letter);
}

TEST(RedisSideKeys, LieInTheSlotOfTheirLockForEveryKey) {
    std::size_t checked = 0;
    for_each_text("ab{}:", 7, [&](const std::string& key) {
        if (!key_fault(key).empty()) return;
        ++checked;
        for (const SideKey which : own_keys) {
            ASSERT_EQ(cluster_slot(side_key(key, 0, which)), cluster_slot(key)) << key;
        }
        for (std::size_t prefix = 0; prefix <= key.size(); ++prefix) {
            const std::string counter = side_key(key, prefix, SideKey::counter);
            ASSERT_EQ(cluster_slot(counter), cluster_slot(key)) << key << ", " << counter;
        }
    });
    EXPECT_GT(checked, 20'000U);
}

TEST(RedisSideKeys, AreNoOtherLocksKeyOrSideKey) {
    std::unordered_set<std::string> side_keys;
    for_each_text("ab{}:", 7, [&](const std::string& key) {
        if (!key_fault(key).empty()) return;
        for (const SideKey which : own_keys) {
            const std::string side = side_key(key, 0, which);
            ASSERT_TRUE(side_keys.insert(side).second) << side << " of " << key;
            ASSERT_FALSE(key_fault(side).empty()) << side << " could be a lock";
        }
        const std::string counter = side_key(key, key.size() / 2, SideKey::counter);
        ASSERT_FALSE(side_keys.contains(counter)) << counter;
        ASSERT_FALSE(key_fault(counter).empty()) << counter << " could be a lock";
    });
}

// With the letters of the suffixes, so that keys and side keys can meet at all.
TEST(RedisSideKeys, DoNotMeetKeysMadeOfTheirOwnParts) {
    std::unordered_set<std::string> keys;
    for_each_text("a{}", 4, [&](const std::string& start) {
        for (const std::string_view middle :
             {"", ":ll:", "}:ll:", ":ll:f:ll:", ":LL:", ":ll:2", ":ll:2c:"}) {
            for (const std::string_view end : {"", "f", "F", "w", "W", "q", "C", "x", "xyz"}) {
                const std::string key = start + std::string{middle} + std::string{end};
                if (key_fault(key).empty()) keys.insert(key);
            }
        }
    });
    std::unordered_set<std::string> all = keys;
    std::unordered_set<std::string> counters;
    for (const std::string& key : keys) {
        for (const SideKey which : own_keys) {
            const std::string side = side_key(key, 0, which);
            ASSERT_TRUE(all.insert(side).second) << side << " of " << key;
        }
        for (std::size_t prefix = 0; prefix <= key.size(); ++prefix) {
            counters.insert(side_key(key, prefix, SideKey::counter));
        }
    }
    for (const std::string& counter : counters) ASSERT_FALSE(all.contains(counter)) << counter;
    EXPECT_GT(all.size(), 1'000U);
}

}  // namespace
}  // namespace leaselock::redis

// Goal: list() tells the locks that match and nothing else, by pieces, and the same on both
// backends. Method: a real redis-server with keys of all sorts; patterns by chance on both.
#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <leaselock/memory_backend.hpp>
#include <leaselock/redis.hpp>

#include "support/redis_server.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using Keys = std::vector<std::string>;

Keys keys_of(const std::vector<ListedLock>& locks) {
    Keys keys;
    for (const ListedLock& lock : locks) keys.push_back(lock.key);
    return keys;
}

class List : public ::testing::Test {
  protected:
    [[nodiscard]] LockManager manager(std::string prefix, std::size_t max_in_flight = 65'536) {
        LockManager locks{{.prefix = std::move(prefix), .backend = "redis"}};
        locks.register_backend(
            "redis", make_redis_backend({.url = server_.url(), .max_in_flight = max_in_flight}));
        return locks;
    }
    void hold(const std::string& full_key) {
        server_.cli("SET", full_key, "tester:1/0123456789abcdef0123456789abcdef", "PX", "3600000");
    }
    // How often the server ran that command.
    [[nodiscard]] int calls(const std::string& command) {
        const std::string stats = server_.cli("INFO", "commandstats");
        const std::size_t at = stats.find("cmdstat_" + command + ":calls=");
        if (at == std::string::npos) return 0;
        return std::stoi(stats.substr(stats.find('=', at) + 1));
    }

    support::RedisServer server_;
    std::error_code ec_;
};

TEST_F(List, WhatIsNoLockIsLeftOut) {
    hold("p:lock");
    hold("p:");
    hold("q:other");
    hold("p:has\nnewline");
    hold("p:" + std::string(600, 'x'));
    hold("p:{a}:ll:F");
    hold("p:a}");
    server_.cli("SET", "p:no-ttl", "x");
    server_.cli("HSET", "p:hash", "a", "b");
    server_.cli("SET", "{p:lock}:ll:f", "12");
    EXPECT_EQ(keys_of(manager("p:").list()), Keys{"lock"});
}

TEST_F(List, PrefixIsTakenAsItIs) {
    for (const std::string prefix : {"[a]*?\\:", "a*:", "ab:"}) hold(prefix + "key");
    EXPECT_EQ(keys_of(manager("[a]*?\\:").list()), Keys{"key"});
    EXPECT_EQ(keys_of(manager("a*:").list()), Keys{"key"});
}

TEST_F(List, WalksByPiecesAndLooksInFewRoundTrips) {
    constexpr int count = 2500;
    Keys expected;
    for (int i = 0; i < count; ++i) {
        const std::string key = std::to_string(10'000 + i);
        hold("p:" + key);
        expected.push_back(key);
    }
    LockManager locks = manager("p:");
    ASSERT_FALSE(locks.inspect("warm-up").held);
    EXPECT_EQ(keys_of(locks.list("1*")), expected);
    EXPECT_GT(calls("scan"), 1);
    EXPECT_EQ(calls("keys"), 0);
    EXPECT_EQ(calls("evalsha"), count + 1);
}

TEST_F(List, ManyLooksFitThroughANarrowConnection) {
    for (int i = 0; i < 10; ++i) hold("p:" + std::to_string(i));
    EXPECT_EQ(manager("p:", 1).list().size(), 10U);
}

TEST_F(List, TroubleIsToldByItsFamily) {
    hold("p:lock");
    LockManager locks = manager("p:");
    server_.cli("ACL", "SETUSER", "default", "-scan");
    EXPECT_TRUE(locks.list("*", {}, ec_).empty());
    EXPECT_EQ(ec_, Errc::access_denied);
    EXPECT_THROW((void)locks.list(), LockError);
    server_.cli("ACL", "SETUSER", "default", "+scan", "-get");
    EXPECT_TRUE(locks.list("*", {}, ec_).empty());
    EXPECT_EQ(ec_, Errc::access_denied) << "of a look";
    server_.cli("ACL", "SETUSER", "default", "+get");
    server_.pause();
    EXPECT_TRUE(locks.list("*", {}, ec_).empty());
    EXPECT_EQ(ec_, Family::unavailable) << "no login: " << ec_.message();
    server_.resume();
    EXPECT_EQ(locks.list("*", {}, ec_).size(), 1U) << ec_.message();
    EXPECT_EQ(ec_, std::error_code{});
}

// Only a backend that says so can tell.
TEST(ListWithout, BackendThatDoesNotTellIsNotSupported) {
    class Mute final : public Backend {
      public:
        void submit(std::span<Operation* const>) noexcept override {}
        bool pump(Operation&, Clock::time_point) noexcept override { return false; }
        void detach(Operation&) noexcept override {}
    };
    LockManager locks;
    locks.register_backend("mute", std::make_shared<Mute>());
    std::error_code ec;
    EXPECT_TRUE(locks.list("*", "mute", ec).empty());
    EXPECT_EQ(ec, Errc::not_supported);
}

TEST_F(List, PatternsMeanTheSameOnBothBackends) {
    std::minstd_rand random{20'26};
    const auto text = [&](std::string_view alphabet, std::size_t longest) {
        std::string result;
        const std::size_t length = 1 + random() % longest;
        while (result.size() < length) result += alphabet[random() % alphabet.size()];
        return result;
    };
    MemoryBackend in_memory;
    for (int i = 0; i < 300; ++i) {
        const std::string key = "p:" + text("abc-]^\\*\xff", 4);
        hold(key);
        Operation acquire{{.verb = Verb::acquire,
                           .key = key,
                           .token = "tester:1/0123456789abcdef0123456789abcdef",
                           .ttl = 1h,
                           .submitted = boot_clock()->now()}};
        in_memory.submit(acquire);
    }
    const auto redis = make_redis_backend({.url = server_.unix_url()});
    std::size_t matched = 0;
    // Ranges that end above ASCII are another thing on servers whose char has no sign.
    for (int i = 0; i < 1500; ++i) {
        const std::string pattern = text("ab*?[]^-\\", 7);
        Keys here = in_memory.list("p:", pattern);
        Keys there = redis->list("p:", pattern);
        std::erase_if(here, [](const std::string& key) { return key.find('}') != key.npos; });
        std::sort(here.begin(), here.end());
        std::sort(there.begin(), there.end());
        ASSERT_EQ(here, there) << pattern;
        matched += here.size();
    }
    EXPECT_GT(matched, 1000U);
}

}  // namespace
}  // namespace leaselock

// Goal: list() tells the locks that match and nothing else, by pieces, and the same on both
// backends, whatever others have stored; and it ends. Method: a real redis-server with keys and
// values of all sorts; patterns by chance on both; a server and a store without an end.
#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <leaselock/glob.hpp>
#include <leaselock/memory_backend.hpp>
#include <leaselock/redis.hpp>
#include <leaselock/testing/detail/granted.hpp>
#include <leaselock/testing/manual_clock.hpp>

#include "support/patient.hpp"
#include "support/redis_server.hpp"
#include "support/scripted_peer.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using Keys = std::vector<std::string>;

Keys keys_of(const std::vector<ListedLock>& locks) {
    Keys keys;
    for (const ListedLock& lock : locks) keys.push_back(lock.key);
    return keys;
}

TEST(Glob, IsForThoseWhoWriteABackend) {
    EXPECT_TRUE(is_listed("app:task:7", "app:", "task:[0-9]"));
    EXPECT_FALSE(is_listed("app:task:7", "app:", "task:[^0-9]"));
    EXPECT_FALSE(is_listed("ap", "app:", "*"));
    for (const char* text : {"", "*", "[a]", "a\\?"}) {
        EXPECT_TRUE(glob_matches(escape_glob(text), text));
        EXPECT_FALSE(glob_matches(escape_glob(text), "axb"));
    }
}

class List : public ::testing::Test {
  protected:
    [[nodiscard]] LockManager manager(std::string prefix, std::size_t max_in_flight = 65'536) {
        LockManager locks{{.prefix = std::move(prefix), .backend = "redis"}};
        locks.register_backend("redis", make_redis_backend({.url = support::patient(server_.url()),
                                                            .max_in_flight = max_in_flight}));
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

TEST_F(List, WalksByPiecesAndInspectsInFewRoundTrips) {
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

TEST_F(List, ManyInspectionsFitThroughANarrowConnection) {
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
    EXPECT_EQ(ec_, Errc::access_denied) << "of an inspection";
    server_.cli("ACL", "SETUSER", "default", "+get");
    server_.pause();
    LockManager hasty{{.prefix = "p:", .backend = "redis"}};
    hasty.register_backend("redis", make_redis_backend({.url = server_.url()}));
    EXPECT_TRUE(hasty.list("*", {}, ec_).empty());
    EXPECT_EQ(ec_, Family::unavailable) << "no login: " << ec_.message();
    server_.resume();
    EXPECT_EQ(locks.list("*", {}, ec_).size(), 1U) << ec_.message();
    EXPECT_EQ(ec_, std::error_code{});
}

// One of them would be more than an answer may be, and so ended all of the list.
TEST_F(List, ValueLongerThanAnyLockIsCorruptAndLeftOut) {
    hold("p:lock");
    server_.cli("SET", "p:long", std::string(1024, 'x'), "PX", "3600000");
    server_.cli("SET", "p:too-long", std::string(1025, 'x'), "PX", "3600000");
    server_.cli("SET", "p:huge", std::string(3'000'000, 'x'), "PX", "3600000");
    LockManager locks = manager("p:");
    EXPECT_EQ(keys_of(locks.list()), (Keys{"lock", "long"}));
    EXPECT_TRUE(locks.inspect("long").owner.empty());
    EXPECT_FALSE(granted(locks.try_acquire("long")));
    for (const std::string key : {"too-long", "huge"}) {
        (void)locks.inspect(key, {}, ec_);
        EXPECT_EQ(ec_, Errc::corrupt) << key;
        (void)locks.force_release(key, {}, ec_);
        EXPECT_EQ(ec_, Errc::corrupt) << key;
        EXPECT_FALSE(granted(locks.try_acquire(key, {}, ec_)));
        EXPECT_EQ(ec_, Errc::corrupt) << key;
        EXPECT_FALSE(granted(locks.try_acquire(key, {.share = shared}, ec_)));
        EXPECT_EQ(ec_, Errc::corrupt) << key;
    }
    EXPECT_EQ(server_.cli("STRLEN", "p:huge"), "3000000") << "left alone";
    EXPECT_TRUE(locks.try_acquire("lock-2")) << "the connection has not ended";
}

// A server whose walk through its keys has no end: each piece has so many of them.
class EndlessWalk : public ::testing::Test {
  protected:
    void walk_by(int keys) {
        peer_.on_command([keys, next = 0](const support::ScriptedPeer::Command& command) mutable {
            using support::Answer;
            if (command[0] == "TIME") {
                return Answer::reply("*2\r\n$10\r\n1700000000\r\n$1\r\n0\r\n");
            }
            std::string answer = "*2\r\n$1\r\n7\r\n*" + std::to_string(keys) + "\r\n";
            for (int i = 0; i < keys; ++i) {
                const std::string key = "hazel:lock:" + std::to_string(next++);
                answer += "$" + std::to_string(key.size()) + "\r\n" + key + "\r\n";
            }
            return Answer::reply(answer);
        });
    }
    std::error_code listed(std::chrono::milliseconds command_timeout) {
        LockManager locks{{.backend = "redis"}};
        locks.register_backend(
            "redis", make_redis_backend({.url = peer_.url(), .command_timeout = command_timeout}));
        std::error_code ec;
        EXPECT_TRUE(locks.list("*", {}, ec).empty());
        return ec;
    }

    support::ScriptedPeer peer_;
};

TEST_F(EndlessWalk, IsEndedAfterSixtyCommandTimeOuts) {
    walk_by(1);
    std::error_code ec;
    auto start = boot_clock()->now();
    // On a busy machine 20 ms may be too short for the login.
    while ((ec = listed(20ms)) == Errc::connect_failed) start = boot_clock()->now();
    EXPECT_EQ(ec, Errc::command_timed_out);
    EXPECT_LT(boot_clock()->now() - start, 61 * 20ms * 10);
}

TEST_F(EndlessWalk, IsEndedAfterAMillionKeys) {
    walk_by(4000);
    EXPECT_EQ(listed(1min), Errc::invalid_option);
    EXPECT_LT(peer_.commands().size(), 300U);
}

TEST_F(EndlessWalk, WithACursorThatIsNoneIsAProtocolError) {
    for (const std::string cursor : {"$1\r\nx\r\n", "$0\r\n\r\n", ":7\r\n", "$-1\r\n"}) {
        peer_.on_command([cursor](const support::ScriptedPeer::Command& command) {
            return support::Answer::reply(command[0] == "TIME"
                                              ? "*2\r\n$10\r\n1700000000\r\n$1\r\n0\r\n"
                                              : "*2\r\n" + cursor + "*0\r\n");
        });
        EXPECT_EQ(listed(20s), Errc::protocol_error) << cursor;
    }
}

// Each answer takes 10 s.
class Slow final : public Backend {
  public:
    explicit Slow(std::shared_ptr<testing::ManualClock> clock) : clock_{std::move(clock)} {}
    using Backend::submit;
    void submit(std::span<Operation* const> operations) noexcept override {
        clock_->advance(10s);
        ++writes;
        for (Operation* const each : operations) {
            each->reply.outcome = Outcome::free;
            each->complete();
        }
    }
    std::vector<std::string> list(std::string_view prefix, std::string_view) override {
        std::vector<std::string> keys;
        for (int i = 0; i < 10'000; ++i) keys.push_back(std::string(prefix) + std::to_string(i));
        return keys;
    }

    int writes = 0;

  private:
    std::shared_ptr<testing::ManualClock> clock_;
};

TEST(ListOfASlowStore, IsEndedAfterAMinute) {
    const auto clock = std::make_shared<testing::ManualClock>();
    const auto store = std::make_shared<Slow>(clock);
    LockManager locks{{.backend = "slow", .clock = clock}};
    locks.register_backend("slow", store);
    std::error_code ec;
    EXPECT_TRUE(locks.list("*", {}, ec).empty());
    EXPECT_EQ(ec, Errc::command_timed_out);
    EXPECT_EQ(store->writes, 6);
}

// Only a backend that says so can tell.
TEST(ListWithout, BackendThatDoesNotTellIsNotSupported) {
    class Mute final : public Backend {
      public:
        void submit(std::span<Operation* const>) noexcept override {}
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
    const auto redis = make_redis_backend({.url = support::patient(server_.unix_url())});
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

// Goal: a server without one of the commands that locks need says so to whoever locks, as
// not_supported, and not as something that nobody knows; without those that only notify, locks
// work. Method: real servers, each with one command renamed away.
#include <string>
#include <thread>
#include <vector>

#include "fault/fault_fixture.hpp"

namespace leaselock {
namespace {

using namespace support;

RedisServer without(const std::string& command) {
    return RedisServer{{"--rename-command", command, ""}};
}

// What each call said, if it failed.
std::vector<std::error_code> errors_of_all_calls(LockManager& locks) {
    std::vector<std::error_code> errors;
    const auto note = [&](std::error_code error) {
        if (error) errors.push_back(error);
    };
    std::error_code ec;
    auto lock = locks.acquire("key", {}, ec);
    note(ec);
    if (lock) {
        (void)locks.inspect("key", {}, ec);
        note(ec);
        lock->extend(10min, ec);
        note(ec);
        (void)locks.list("*", {}, ec);
        note(ec);
        // A share of it uses further commands.
        (void)lock->release(ec);
        note(ec);
    }
    auto share = locks.acquire("shared", {.share = shared}, ec);
    note(ec);
    if (share) {
        (void)locks.inspect("shared", {}, ec);
        note(ec);
    }
    return errors;
}

TEST(RenamedCommand, ThatLocksNeedIsNotSupported) {
    for (const std::string command : {"EVALSHA", "EVAL", "TIME", "GET", "SET", "PTTL", "PEXPIRE",
                                      "DEL", "LINDEX", "LLEN", "ZADD", "ZCOUNT", "SCAN"}) {
        RedisServer server = without(command);
        LockManager locks = manager_on(server.url());
        const auto errors = errors_of_all_calls(locks);
        EXPECT_FALSE(errors.empty()) << command;
        for (const std::error_code& error : errors) {
            EXPECT_EQ(error, Errc::not_supported) << command << ": " << error.message();
        }
    }
}

TEST(RenamedCommand, ThatChoosesADatabaseIsNotSupported) {
    RedisServer server = without("SELECT");
    LockManager locks = manager_on(server.url());
    expect_works(locks);
    LockManager elsewhere = manager_on(server.url() + "/1");
    expect_cannot_acquire(elsewhere, Errc::not_supported);
}

TEST(RenamedCommand, ThatOnlyNotifiesIsNotMissed) {
    for (const std::string command : {"PUBLISH", "SUBSCRIBE", "PUBSUB"}) {
        RedisServer server = without(command);
        LockManager locks = manager_on(server.url());
        auto lock = locks.acquire("key");
        ASSERT_TRUE(lock) << command;
        std::jthread waiter{[&] {
            LockManager other = manager_on(server.url());
            EXPECT_TRUE(other.acquire("key", {.wait_timeout = 20s})) << command;
        }};
        EXPECT_TRUE(poll_until([&] { return locks.inspect("key").waiting == 1; }));
        EXPECT_EQ(lock->release(), ReleaseResult::released);
    }
}

TEST(RenamedCommand, IsFoundByTheCheck) {
    for (const std::string command : {"TIME", "GET", "SCRIPT"}) {
        RedisServer server = without(command);
        LockManager locks = manager_on(server.url());
        bool found = false;
        for (const Finding& finding : locks.check()) {
            found = found || finding.found.find("not supported") != std::string::npos;
        }
        EXPECT_EQ(found, command != "SCRIPT") << command;
    }
}

}  // namespace
}  // namespace leaselock

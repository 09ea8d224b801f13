// Goal: passwords and users change while locks are in use, and no program with a callback notices;
// a login that is refused is reported, and the server is not asked again and again. Method: a real
// redis-server whose users are changed live, and its own count of AUTH.
#include <atomic>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include <leaselock/testing/detail/granted.hpp>

#include "fault/fault_fixture.hpp"

namespace leaselock {
namespace {

using namespace support;

class Row51Credentials : public ::testing::Test {
  protected:
    // Gives that user that password alone, and all that a lock needs.
    void set_user(const std::string& user, const std::string& password) {
        EXPECT_EQ(server_.cli("ACL", "SETUSER", user, "reset", "on", ">" + password, "~*", "+@all"),
                  "OK");
    }
    // What the callback says from now on.
    void say(const std::string& user, const std::string& password) {
        const std::lock_guard lock{mutex_};
        said_ = {user, password};
    }
    [[nodiscard]] LockManager manager(milliseconds timeout = long_timeout) {
        return manager_with(
            [this] {
                ++asked_;
                const std::lock_guard lock{mutex_};
                return said_;
            },
            timeout);
    }
    [[nodiscard]] LockManager manager_with(std::function<RedisCredentials()> credentials,
                                           milliseconds timeout = long_timeout) {
        return manager_on(make_redis_backend({.url = server_.url(),
                                              .username = "nobody",
                                              .password = "not used",
                                              .credentials = std::move(credentials),
                                              .connect_timeout = timeout,
                                              .command_timeout = timeout}));
    }
    // AUTHs since the start of the server.
    [[nodiscard]] int auths() {
        const std::string text = info(server_, "commandstats", "cmdstat_auth");
        return text.empty() ? 0 : std::stoi(text.substr(text.find('=') + 1));
    }
    // Many callers, each of whom asks again as soon as it is refused, for that time. Gives how long
    // it really was.
    Clock::duration hammer(LockManager& locks, Errc expected, milliseconds time) {
        std::atomic<int> refused{0};
        const auto took = time_of([&] {
            const auto until = boot_clock()->now() + time;
            std::vector<std::jthread> callers;
            for (int n = 0; n < 8; ++n) {
                callers.emplace_back([&, key = "key-" + std::to_string(n)] {
                    while (boot_clock()->now() < until) {
                        std::error_code ec;
                        EXPECT_FALSE(granted(locks.acquire(key, {}, ec)));
                        EXPECT_EQ(ec, expected) << ec.message();
                        ++refused;
                    }
                });
            }
        });
        EXPECT_GE(refused, 8);
        return took;
    }

    RedisServer server_;
    std::mutex mutex_;
    RedisCredentials said_;
    std::atomic<int> asked_{0};
};

TEST_F(Row51Credentials, CallbackGoesBeforeTheFieldsAndIsAskedOncePerConnection) {
    set_user("locker", "first");
    say("locker", "first");
    LockManager locks = manager();
    EXPECT_EQ(asked_, 0) << "no connection yet";
    for (int i = 0; i < 3; ++i) expect_works(locks);
    EXPECT_EQ(asked_, 1);
    EXPECT_EQ(auths(), 1);
}

TEST_F(Row51Credentials, RotatedPasswordIsUsedByTheNextConnection) {
    set_user("locker", "first");
    say("locker", "first");
    LockManager locks = manager();
    expect_works(locks);
    set_user("locker", "second");
    say("locker", "second");
    expect_works(locks);
    EXPECT_EQ(server_.cli("CLIENT", "KILL", "USER", "locker"), "1");
    let_idle();
    expect_works(locks);
    EXPECT_EQ(asked_, 2);
}

// The old user is still logged in, and may do nothing any more.
TEST_F(Row51Credentials, UserThatIsReplacedOnALiveConnectionIsNotNoticed) {
    set_user("locker-1", "first");
    set_user("locker-2", "second");
    say("locker-1", "first");
    LockManager locks = manager();
    std::error_code ec;
    auto lock = locks.acquire("key", {}, ec);
    ASSERT_TRUE(lock) << ec.message();
    say("locker-2", "second");
    EXPECT_EQ(server_.cli("ACL", "SETUSER", "locker-1", "reset"), "OK");
    EXPECT_EQ(lock->release(ec), ReleaseResult::released) << ec.message();
    expect_works(locks);
    EXPECT_EQ(auths(), 2);
}

// What a script was denied may be done in part, so it is not sent again by itself; the next call is
// by whoever the callback names.
TEST_F(Row51Credentials, UserWhoLacksARightInsideAScriptIsReplacedForTheNextCall) {
    set_user("locker-2", "second");
    EXPECT_EQ(
        server_.cli("ACL", "SETUSER", "locker-1", "reset", "on", ">first", "~*", "+@all", "-set"),
        "OK");
    say("locker-1", "first");
    LockManager locks = manager();
    std::error_code ec;
    EXPECT_FALSE(granted(locks.acquire("key", {}, ec)));
    EXPECT_EQ(ec, Errc::access_denied);
    say("locker-2", "second");
    expect_works(locks);
}

TEST_F(Row51Credentials, ManyCallersShareTheOneNewLogin) {
    set_user("locker-1", "first");
    set_user("locker-2", "second");
    say("locker-1", "first");
    LockManager locks = manager();
    std::atomic<bool> is_over{false};
    std::atomic<int> sections{0};
    std::vector<std::jthread> callers;
    for (int n = 0; n < 8; ++n) {
        callers.emplace_back([&, key = "key-" + std::to_string(n)] {
            while (!is_over) {
                expect_works(locks, key);
                ++sections;
            }
        });
    }
    EXPECT_TRUE(poll_until([&] { return sections > 50; }));
    say("locker-2", "second");
    EXPECT_EQ(server_.cli("ACL", "SETUSER", "locker-1", "reset"), "OK");
    const int before = sections;
    EXPECT_TRUE(poll_until([&] { return sections > before + 50; }));
    is_over = true;
    callers.clear();
    EXPECT_EQ(auths(), 2);
}

TEST_F(Row51Credentials, RightThatStaysAwayCostsALoginASecondAtMost) {
    set_user("locker", "first");
    EXPECT_EQ(server_.cli("ACL", "SETUSER", "locker", "-evalsha"), "OK");
    say("locker", "first");
    LockManager locks = manager();
    const auto took = hammer(locks, Errc::access_denied, 1500ms);
    EXPECT_GE(auths(), 2);
    EXPECT_LE(auths(), 2 + took / 1s);
    EXPECT_EQ(server_.cli("ACL", "SETUSER", "locker", "+evalsha"), "OK");
    expect_works(locks);
}

// Ten, twenty, ... milliseconds between two attempts, and a quarter of a second from the sixth on.
TEST_F(Row51Credentials, RefusedLoginIsNotTriedAgainAndAgain) {
    set_user("locker", "right");
    say("locker", "wrong");
    LockManager locks = manager();
    const auto took = hammer(locks, Errc::authentication_failed, 1s);
    EXPECT_GE(auths(), 2);
    EXPECT_LE(auths(), 6 + took / 250ms);
    say("locker", "right");
    expect_works(locks);
}

TEST_F(Row51Credentials, CallbackThatThrowsIsUnavailableAndTellsNothing) {
    set_user("locker", "right");
    std::atomic<bool> is_broken{true};
    LockManager locks = manager_with([&]() -> RedisCredentials {
        if (is_broken) throw std::runtime_error("sesame");
        return {"locker", "right"};
    });
    try {
        (void)locks.acquire("key");
        ADD_FAILURE() << "no exception";
    } catch (const LockError& error) {
        EXPECT_EQ(error.code(), Errc::connect_failed) << error.what();
        EXPECT_EQ(std::string(error.what()).find("sesame"), std::string::npos) << error.what();
        EXPECT_NE(std::string(error.what()).find("the credentials callback threw"),
                  std::string::npos)
            << error.what();
    }
    EXPECT_EQ(auths(), 0);
    is_broken = false;
    expect_works(locks);
    is_broken = true;
    LockManager throws_anything = manager_with([]() -> RedisCredentials { throw 42; });
    expect_cannot_acquire(throws_anything, Errc::connect_failed);
}

TEST_F(Row51Credentials, PasswordOfTheCallbackIsInNoMessage) {
    say("locker", "sesame");
    LockManager locks = manager();
    try {
        (void)locks.acquire("key");
        ADD_FAILURE() << "no exception";
    } catch (const LockError& error) {
        EXPECT_EQ(error.code(), Errc::authentication_failed) << error.what();
        EXPECT_EQ(std::string(error.what()).find("sesame"), std::string::npos) << error.what();
    }
}

// It runs on a thread of its own, with nothing locked: callers come and go by their deadlines.
TEST_F(Row51Credentials, CallbackThatHangsHoldsNobodyElse) {
    set_user("locker", "right");
    std::mutex hanging;
    std::atomic<std::thread::id> thread{};
    std::unique_lock hold{hanging};
    LockManager locks = manager_with([&]() -> RedisCredentials {
        thread = std::this_thread::get_id();
        const std::lock_guard wait{hanging};
        return {"locker", "right"};
    });
    std::jthread first{[&] {
        expect_works(locks);
        EXPECT_NE(thread.load(), std::this_thread::get_id());
    }};
    ASSERT_TRUE(poll_until([&] { return thread.load() != std::thread::id{}; }));
    const auto took = time_of([&] {
        std::error_code ec;
        EXPECT_FALSE(granted(locks.acquire("other", {.wait_timeout = short_timeout}, ec)));
        EXPECT_EQ(ec, Errc::connect_failed) << ec.message();
    });
    EXPECT_LT(took, 2 * short_timeout * patience);
    hold.unlock();
}

TEST_F(Row51Credentials, CallbackThatTakesTooLongIsAConnectionThatFailed) {
    set_user("locker", "right");
    std::mutex hanging;
    std::unique_lock hold{hanging};
    std::atomic<bool> was_asked{false};
    LockManager locks = manager_with(
        [&]() -> RedisCredentials {
            was_asked = true;
            const std::lock_guard wait{hanging};
            return {"locker", "right"};
        },
        short_timeout);
    std::jthread slow{[&] {
        std::error_code ec;
        EXPECT_FALSE(granted(locks.acquire("key", {}, ec)));
        EXPECT_EQ(ec, Errc::connect_failed) << ec.message();
    }};
    ASSERT_TRUE(poll_until([&] { return was_asked.load(); }));
    const auto later = boot_clock()->now() + 2 * short_timeout;
    ASSERT_TRUE(poll_until([&] { return boot_clock()->now() > later; }));
    hold.unlock();
    slow.join();
    expect_works(locks);
}

}  // namespace
}  // namespace leaselock

// Goal: a server that is there and says no - no memory, a replica, no rights, a wrong password, not
// its own script - is understood, changes nothing that is not ours, and serves the same manager
// when its trouble is over. Method: a real redis-server, brought into each state by its own
// commands.
#include <atomic>
#include <filesystem>
#include <thread>

#include <leaselock/testing/detail/granted.hpp>

#include "fault/fault_fixture.hpp"
#include "support/counter_key.hpp"
#include "support/free_port.hpp"
#include "wire/command.hpp"

namespace leaselock {
namespace {

using namespace support;

class RedisRefusal : public ::testing::Test {
  protected:
    void config(const std::string& name, const std::string& value) {
        EXPECT_EQ(server_.cli("CONFIG", "SET", name, value), "OK");
    }
    Reply call(Verb verb, const std::string& token, milliseconds ttl = 60s,
               milliseconds keep = 0ms) {
        return run(*backend_, verb, "p:key", token, ttl, keep);
    }

    RedisServer server_{{"--enable-protected-configs", "yes"}};
    std::shared_ptr<Backend> backend_ = backend_on(server_.url());
    LockManager locks_ = manager_on(backend_);
    std::error_code ec_;
};

TEST_F(RedisRefusal, Row22OutOfMemoryRefusesGrantsAndLetsHoldersRenewAndRelease) {
    ASSERT_EQ(call(Verb::acquire, "me/1").outcome, Outcome::granted);
    auto lock = locks_.acquire("freed", {}, ec_);
    auto kept = locks_.acquire("kept", {.min_hold = 10min}, ec_);
    ASSERT_TRUE(lock && kept) << ec_.message();
    config("maxmemory", "1");
    expect_cannot_acquire(locks_, Errc::out_of_memory);
    EXPECT_EQ(call(Verb::renew, "me/1", 120s).outcome, Outcome::renewed);
    EXPECT_GT(std::stoi(server_.cli("PTTL", "p:key")), 60'000);
    EXPECT_EQ(call(Verb::release, "me/1").outcome, Outcome::released);
    EXPECT_EQ(lock->release(ec_), ReleaseResult::released) << ec_.message();
    EXPECT_EQ(kept->release(ec_), ReleaseResult::released) << ec_.message();
    EXPECT_EQ(server_.cli("EXISTS", "p:key"), "0");
    EXPECT_EQ(server_.cli("EXISTS", "p:freed"), "0");
    EXPECT_EQ(server_.cli("EXISTS", "p:kept"), "1");
    config("maxmemory", "0");
    expect_works(locks_);
}

TEST_F(RedisRefusal, Row26DemotedServerNeverTellsAHolderThatItHasLost) {
    ASSERT_EQ(call(Verb::acquire, "me/1").outcome, Outcome::granted);
    auto lock = locks_.acquire("guarded", {}, ec_);
    ASSERT_TRUE(lock) << ec_.message();
    server_.cli("REPLICAOF", "127.0.0.1", std::to_string(free_port()));
    expect_cannot_acquire(locks_, Errc::read_only);
    // Its data may be old: to whom it says no, and to whom yes, proves nothing.
    for (const std::string token : {"me/1", "me/2"}) {
        expect_failed(call(Verb::renew, token, 120s), Errc::read_only);
        expect_failed(call(Verb::release, token), Errc::read_only);
        expect_failed(call(Verb::release, token, 0s, 60s), Errc::read_only);
    }
    EXPECT_EQ(lock->release(ec_), ReleaseResult::unknown);
    EXPECT_EQ(ec_, Errc::read_only) << ec_.message();
    server_.cli("REPLICAOF", "NO", "ONE");
    EXPECT_EQ(call(Verb::renew, "me/1", 120s).outcome, Outcome::renewed);
    EXPECT_EQ(call(Verb::release, "me/1").outcome, Outcome::released);
    expect_works(locks_);
}

TEST_F(RedisRefusal, Row24TooFewReplicasIsUnavailable) {
    ASSERT_EQ(call(Verb::acquire, "me/1").outcome, Outcome::granted);
    config("min-replicas-to-write", "1");
    expect_cannot_acquire(locks_, Errc::not_enough_replicas);
    expect_failed(call(Verb::renew, "me/1", 120s), Errc::not_enough_replicas);
    expect_failed(call(Verb::release, "me/1"), Errc::not_enough_replicas);
    config("min-replicas-to-write", "0");
    EXPECT_EQ(call(Verb::release, "me/1").outcome, Outcome::released);
    expect_works(locks_);
}

TEST_F(RedisRefusal, Row25ServerThatCannotPersistIsUnavailable) {
    {
        const TempDir gone;
        config("dir", gone.path().string());
    }
    config("save", "3600 1");
    ASSERT_EQ(call(Verb::acquire, "me/1").outcome, Outcome::granted);
    server_.cli("BGSAVE");
    EXPECT_TRUE(poll_until(
        [&] { return info(server_, "persistence", "rdb_last_bgsave_status") == "err"; }));
    expect_cannot_acquire(locks_, Errc::misconfigured);
    expect_failed(call(Verb::renew, "me/1", 120s), Errc::misconfigured);
    expect_failed(call(Verb::release, "me/1"), Errc::misconfigured);
    config("stop-writes-on-bgsave-error", "no");
    EXPECT_EQ(call(Verb::release, "me/1").outcome, Outcome::released);
    expect_works(locks_);
}

TEST_F(RedisRefusal, ServerBusyWithSomebodysScriptIsUnavailable) {
    expect_works(locks_);
    config("busy-reply-threshold", "1");
    wire::Connection somebody{boot_clock()};
    std::string why;
    std::string loop;
    const auto until = boot_clock()->now() + long_timeout;
    ASSERT_FALSE(somebody.open(server_.endpoint(), until, why)) << why;
    wire::append_command(loop, std::vector<std::string_view>{"EVAL", "while true do end", "0"});
    ASSERT_FALSE(somebody.send(loop, until).error);
    // A release may meet the busy server, so the ttl has to free the lock.
    EXPECT_TRUE(poll_until([&] {
        (void)locks_.acquire("key", {.ttl = 100ms}, ec_);
        return ec_ == Errc::busy;
    }));
    EXPECT_EQ(server_.cli("SCRIPT", "KILL"), "OK");
    EXPECT_TRUE(locks_.acquire("key", {.wait_timeout = long_timeout}, ec_)) << ec_.message();
}

TEST_F(RedisRefusal, Row18FlushedScriptsAreSentAgainWithoutAFailure) {
    std::atomic<bool> is_over{false};
    std::atomic<int> flushes{0};
    std::jthread flusher{[&] {
        while (!is_over) {
            server_.cli("SCRIPT", "FLUSH");
            ++flushes;
        }
    }};
    {
        std::vector<std::jthread> threads;
        threads.reserve(4);
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&, key = "key" + std::to_string(i)] {
                for (int n = 0; n < 250; ++n) expect_works(locks_, key);
            });
        }
    }
    is_over = true;
    flusher.join();
    EXPECT_GT(flushes.load(), 10);
}

TEST_F(RedisRefusal, Row19FlushedDatabaseLosesTheLockAndNotTheOrderOfFences) {
    auto lock = locks_.acquire("key", {}, ec_);
    ASSERT_TRUE(lock) << ec_.message();
    server_.cli("FLUSHALL");
    EXPECT_EQ(lock->release(ec_), ReleaseResult::lost) << ec_.message();
    const auto next = locks_.acquire("key", {}, ec_);
    ASSERT_TRUE(next) << ec_.message();
    EXPECT_GT(next->fencing_token(), lock->fencing_token());
}

TEST_F(RedisRefusal, RetryWhoseFenceIsGoneGetsAHigherOneAndNoShorterLease) {
    const Reply first = call(Verb::acquire, "me/1", 60s);
    ASSERT_EQ(first.outcome, Outcome::granted) << first.detail;
    server_.cli("DEL", counter_key("p:", "key"));
    const Reply again = call(Verb::acquire, "me/1", 1s);
    ASSERT_EQ(again.outcome, Outcome::granted) << again.detail;
    EXPECT_GT(again.fencing_token, first.fencing_token);
    EXPECT_GT(std::stoll(server_.cli("PTTL", "p:key")), 10'000);
    EXPECT_EQ(server_.cli("GET", counter_key("p:", "key")), std::to_string(again.fencing_token));
}

TEST_F(RedisRefusal, Row21ValueOfAnotherTypeIsCorruptAndLeftAlone) {
    server_.cli("RPUSH", "p:key", "a", "b");
    EXPECT_FALSE(granted(locks_.acquire("key", {.wait_timeout = long_timeout}, ec_)));
    EXPECT_EQ(ec_, Errc::corrupt) << ec_.message();
    (void)locks_.inspect("key", {}, ec_);
    EXPECT_EQ(ec_, Errc::corrupt) << ec_.message();
    expect_failed(call(Verb::acquire, "me/1"), Errc::corrupt);
    expect_failed(call(Verb::renew, "me/1"), Errc::corrupt);
    expect_failed(call(Verb::release, "me/1"), Errc::corrupt);
    expect_failed(call(Verb::release, "me/1", 0s, 60s), Errc::corrupt);
    EXPECT_EQ(server_.cli("LRANGE", "p:key", "0", "-1"), "a\nb");
    EXPECT_EQ(server_.cli("PTTL", "p:key"), "-1");
    server_.cli("DEL", "p:key");
    expect_works(locks_, "key");
}

TEST_F(RedisRefusal, Row21ValueWithoutTtlIsCorruptAndLeftAlone) {
    server_.cli("SET", "p:key", "precious");
    EXPECT_FALSE(granted(locks_.acquire("key", {.wait_timeout = long_timeout}, ec_)));
    EXPECT_EQ(ec_, Errc::corrupt) << ec_.message();
    (void)locks_.inspect("key", {}, ec_);
    EXPECT_EQ(ec_, Errc::corrupt) << ec_.message();
    expect_failed(call(Verb::acquire, "me/1"), Errc::corrupt);
    EXPECT_EQ(call(Verb::renew, "me/1").outcome, Outcome::lost);
    EXPECT_EQ(call(Verb::release, "me/1").outcome, Outcome::lost);
    EXPECT_EQ(call(Verb::release, "me/1", 0s, 60s).outcome, Outcome::lost);
    EXPECT_EQ(server_.cli("GET", "p:key"), "precious");
    EXPECT_EQ(server_.cli("PTTL", "p:key"), "-1");
    server_.cli("DEL", "p:key");
    expect_works(locks_, "key");
}

TEST_F(RedisRefusal, Row62FenceThatIsNoneIsCorruptAndGrantsNothing) {
    const std::string fence_key = counter_key("p:", "key");
    for (const std::string fence : {"abc", "", "nan", "inf", "-1", "1e300", "9007199254740991",
                                    "9007199254740992", "9223372036854775807"}) {
        server_.cli("SET", fence_key, fence);
        expect_failed(call(Verb::acquire, "me/1"), Errc::corrupt);
        EXPECT_EQ(server_.cli("EXISTS", "p:key"), "0") << fence;
        EXPECT_EQ(server_.cli("GET", fence_key), fence);
    }
    server_.cli("SET", "p:key", "me/1", "PX", "60000");
    for (const std::string fence : {"abc", "nan", "-1", "9007199254740992"}) {
        server_.cli("SET", fence_key, fence);
        expect_failed(call(Verb::acquire, "me/1"), Errc::corrupt);
        expect_failed(call(Verb::inspect, ""), Errc::corrupt);
    }
    server_.cli("DEL", fence_key, "p:key");
    server_.cli("RPUSH", fence_key, "a");
    expect_failed(call(Verb::acquire, "me/1"), Errc::corrupt);
    EXPECT_EQ(server_.cli("EXISTS", "p:key"), "0");
    server_.cli("DEL", fence_key);
    expect_works(locks_, "key");
}

TEST_F(RedisRefusal, Row62LastFenceBelowTheLimitIsGivenExactly) {
    server_.cli("SET", counter_key("p:", "key"), "9007199254740990");
    const Reply reply = call(Verb::acquire, "me/1");
    EXPECT_EQ(reply.outcome, Outcome::granted) << reply.detail;
    EXPECT_EQ(reply.fencing_token, 9'007'199'254'740'991U);
    EXPECT_EQ(server_.cli("GET", counter_key("p:", "key")), "9007199254740991");
    EXPECT_EQ(call(Verb::inspect, "").fencing_token, 9'007'199'254'740'991U);
}

// --- who we are
// ------------------------------------------------------------------------------------

LockManager manager_as(RedisServer& server, std::string user, std::string password) {
    RedisOptions options{.url = server.url()};
    options.username = std::move(user);
    options.password = std::move(password);
    options.connect_timeout = long_timeout;
    options.command_timeout = long_timeout;
    return manager_on(make_redis_backend(options));
}

TEST_F(RedisRefusal, Row51WrongPasswordIsRefusedAndNotTold) {
    config("requirepass", "the-right-one");
    server_.authenticate_as("default", "the-right-one");
    LockManager wrong = manager_as(server_, "default", "the-wrong-one");
    try {
        (void)wrong.acquire("key");
        FAIL() << "no exception";
    } catch (const LockError& error) {
        EXPECT_EQ(error.code(), Errc::authentication_failed) << error.what();
        EXPECT_EQ(std::string(error.what()).find("the-wrong-one"), std::string::npos);
    }
    LockManager none = manager_on(server_.url());
    expect_cannot_acquire(none, Errc::authentication_failed);
    LockManager right = manager_as(server_, "", "the-right-one");
    expect_works(right);
    config("requirepass", "the-wrong-one");
    server_.authenticate_as("default", "the-wrong-one");
    expect_works(wrong);
}

void set_user(RedisServer& server, const std::vector<std::string>& changes) {
    std::vector<std::string> command{"ACL",     "SETUSER", "locker", "reset", "on",
                                     ">s3cret", "~p:*",    "~{p:*",  "-@all"};
    for (const char* right :
         {"eval", "evalsha", "get", "getex", "set", "del", "exists", "pexpire", "pttl", "time",
          "hget", "hset", "hdel", "hlen", "lindex", "llen", "lrem", "rpush"}) {
        command.push_back(std::string("+") + right);
    }
    command.insert(command.end(), changes.begin(), changes.end());
    EXPECT_EQ(server.command(command), "OK");
}

// Every path of every script, by one who holds the key and by one who does not.
std::vector<Reply> all_paths(Backend& backend) {
    std::vector<Reply> replies;
    const auto add = [&](Verb verb, const char* token, milliseconds ttl, milliseconds keep = 0ms) {
        replies.push_back(run(backend, verb, "p:key", token, ttl, keep));
    };
    add(Verb::acquire, "me/1", 60s);
    add(Verb::acquire, "me/1", 90s);
    add(Verb::acquire, "me/2", 60s);
    add(Verb::inspect, "", 0s);
    add(Verb::renew, "me/1", 120s);
    add(Verb::renew, "me/2", 60s);
    add(Verb::release, "me/2", 0s);
    add(Verb::release, "me/1", 0s);
    add(Verb::acquire, "me/3", 60s);
    add(Verb::release, "me/3", 0s, 60s);
    return replies;
}

std::shared_ptr<Backend> backend_as_locker(RedisServer& server) {
    RedisOptions options{.url = server.url(), .username = "locker", .password = "s3cret"};
    options.connect_timeout = long_timeout;
    options.command_timeout = long_timeout;
    return make_redis_backend(options);
}

TEST_F(RedisRefusal, UserWithTheDocumentedRightsMayDoAll) {
    set_user(server_, {});
    const auto backend = backend_as_locker(server_);
    for (const Reply& reply : all_paths(*backend)) {
        EXPECT_NE(reply.outcome, Outcome::failed) << reply.detail;
    }
}

TEST_F(RedisRefusal, Row51UserWithoutAnyOneOfTheRightsIsDeniedAndToldSo) {
    for (const std::string missing :
         {"-eval", "-evalsha", "-get", "-getex", "-set", "-del", "-exists", "-pexpire", "-pttl",
          "-time", "-hdel", "-lindex"}) {
        server_.cli("SCRIPT", "FLUSH");
        server_.cli("FLUSHALL");
        set_user(server_, {missing});
        const auto backend = backend_as_locker(server_);
        int denied = 0;
        for (const Reply& reply : all_paths(*backend)) {
            if (reply.outcome != Outcome::failed) continue;
            ++denied;
            EXPECT_EQ(reply.error, Errc::access_denied) << missing << reply.detail;
        }
        EXPECT_GT(denied, 0) << missing << " is no needed right";
    }
}

TEST_F(RedisRefusal, Row51UserOfOtherKeysIsDenied) {
    set_user(server_, {"resetkeys", "~other:*"});
    const auto backend = backend_as_locker(server_);
    for (const Reply& reply : all_paths(*backend)) expect_failed(reply, Errc::access_denied);
    EXPECT_EQ(server_.cli("EXISTS", "p:key"), "0");
}

TEST_F(RedisRefusal, Row51RightThatIsTakenAndGivenBackWhileConnected) {
    set_user(server_, {});
    LockManager locks = manager_on(backend_as_locker(server_));
    expect_works(locks);
    server_.cli("ACL", "SETUSER", "locker", "-set");
    expect_cannot_acquire(locks, Errc::access_denied);
    server_.cli("ACL", "SETUSER", "locker", "+set");
    expect_works(locks);
}

TEST_F(RedisRefusal, Row51PasswordThatIsChangedMattersAtTheNextConnection) {
    set_user(server_, {});
    LockManager locks = manager_on(backend_as_locker(server_));
    expect_works(locks);
    server_.cli("ACL", "SETUSER", "locker", "resetpass", ">another");
    expect_works(locks);
    EXPECT_EQ(server_.cli("CLIENT", "KILL", "USER", "locker"), "1");
    let_idle();
    expect_cannot_acquire(locks, Errc::authentication_failed);
    server_.cli("ACL", "SETUSER", "locker", ">s3cret");
    expect_works(locks);
}

}  // namespace
}  // namespace leaselock

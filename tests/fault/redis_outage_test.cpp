// Goal: a server that is gone, stopped, slow or starting fails calls in the right family and in
// time, and the same manager works again when it is back. Method: a real redis-server, ended,
// killed, stopped and started again under the manager's feet.
#include <atomic>
#include <csignal>
#include <deque>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <thread>

#include <leaselock/testing/detail/granted.hpp>

#include "fault/fault_fixture.hpp"
#include "support/free_port.hpp"
#include "wire/command.hpp"

namespace leaselock {
namespace {

using namespace support;

TEST(RedisOutage, RefusedConnectionIsUnavailableUntilTheServerIsThere) {
    RedisServer server;
    LockManager locks = manager_on(server.url());
    server.stop();
    const auto took = time_of([&] { expect_cannot_acquire(locks, Errc::connect_failed); });
    EXPECT_LT(took, long_timeout / 2) << "a refusal is not waited for";
    server.restart();
    expect_works(locks);
}

TEST(RedisOutage, Row15KilledServerWithAnAppendOnlyFileKeepsTheLock) {
    RedisServer server{{"--appendonly", "yes", "--appendfsync", "always"}};
    LockManager locks = manager_on(server.url());
    std::error_code ec;
    auto lock = locks.acquire("key", {.ttl = 10min}, ec);
    ASSERT_TRUE(lock) << ec.message();
    server.kill9();
    let_idle();
    expect_cannot_acquire(locks, Family::unavailable);
    server.restart();
    EXPECT_FALSE(granted(locks.acquire("key", {}, ec)));
    EXPECT_EQ(ec, Errc::held) << ec.message();
    EXPECT_EQ(lock->release(ec), ReleaseResult::released) << ec.message();
    const auto next = locks.acquire("key", {}, ec);
    ASSERT_TRUE(next) << ec.message();
    EXPECT_GT(next->fencing_token(), lock->fencing_token());
}

TEST(RedisOutage, Row16KilledServerThatForgetsGivesAHigherFenceAndTheOldHolderHasLost) {
    RedisServer server;
    LockManager locks = manager_on(server.url());
    std::error_code ec;
    auto lock = locks.acquire("key", {.ttl = 10min}, ec);
    ASSERT_TRUE(lock) << ec.message();
    server.kill9();
    server.restart();
    let_idle();
    const auto next = locks.acquire("key", {}, ec);
    ASSERT_TRUE(next) << ec.message();
    EXPECT_GT(next->fencing_token(), lock->fencing_token());
    EXPECT_EQ(lock->release(ec), ReleaseResult::lost) << ec.message();
    EXPECT_TRUE(next->owns_lock());
    EXPECT_EQ(server.cli("EXISTS", "p:key"), "1");
}

TEST(RedisOutage, RestartWhileIdleIsNotSeen) {
    RedisServer server;
    LockManager locks = manager_on(server.url());
    for (int i = 0; i < 3; ++i) {
        expect_works(locks);
        server.restart();
        let_idle();
    }
    expect_works(locks);
}

TEST(RedisOutage, KilledConnectionWhileIdleIsNotSeen) {
    RedisServer server;
    LockManager locks = manager_on(server.url());
    std::error_code ec;
    auto lock = locks.acquire("key", {}, ec);
    ASSERT_TRUE(lock) << ec.message();
    server.cli("CLIENT", "KILL", "TYPE", "normal");
    let_idle();
    expect_works(locks);
    server.cli("CLIENT", "KILL", "TYPE", "normal");
    let_idle();
    EXPECT_EQ(lock->release(ec), ReleaseResult::released) << ec.message();
    server.cli("CLIENT", "KILL", "TYPE", "normal");
    let_idle();
    EXPECT_FALSE(locks.inspect("key", {}, ec).held);
    EXPECT_FALSE(ec) << ec.message();
}

// How many scripts ran.
std::string scripts_run(RedisServer& server) {
    return info(server, "commandstats", "cmdstat_evalsha");
}

TEST(RedisOutage, Row14StoppedServerTimesOutAndALockAcquiredLateIsNotLeftBehind) {
    RedisServer server;
    LockManager locks = manager_on(server.url(), short_timeout);
    expect_works(locks);
    const std::string before = scripts_run(server);
    server.pause();
    std::error_code ec;
    const auto took =
        time_of([&] { EXPECT_FALSE(granted(locks.acquire("key", {.ttl = 10min}, ec))); });
    EXPECT_EQ(ec, Errc::command_timed_out) << ec.message();
    EXPECT_GE(took, short_timeout);
    EXPECT_LT(took, 2 * short_timeout * patience);
    server.resume();
    ASSERT_TRUE(poll_until([&] { return scripts_run(server) != before; })) << "it never ran";
    EXPECT_EQ(server.cli("EXISTS", "p:key"), "0");
    expect_works(locks, "key");
}

// Why acquire carries a time: the same with the bare command that others use.
TEST(RedisOutage, Row14StoppedServerRunsABareSetThatItsClientHasGivenUp) {
    RedisServer server;
    server.pause();
    {
        wire::Connection connection{boot_clock()};
        std::string why;
        std::string set;
        const auto until = boot_clock()->now() + long_timeout;
        ASSERT_FALSE(connection.open(server.endpoint(), until, why)) << why;
        wire::append_command(
            set, std::vector<std::string_view>{"SET", "p:key", "raw", "NX", "PX", "600000"});
        ASSERT_FALSE(connection.send(set, until).error);
    }
    server.resume();
    EXPECT_TRUE(poll_until([&] { return server.cli("GET", "p:key") == "raw"; }));
}

TEST(RedisOutage, Row12StopShorterThanTheTimeoutIsOnlySlow) {
    RedisServer server;
    LockManager locks = manager_on(server.url());
    expect_works(locks);
    server.pause();
    std::atomic<bool> has_begun{false};
    std::jthread waiter{[&] {
        has_begun = true;
        expect_works(locks);
    }};
    ASSERT_TRUE(poll_until([&] { return has_begun.load(); }));
    let_idle();
    server.resume();
}

TEST(RedisOutage, WaitOnAStoppedServerEndsByItsDeadline) {
    RedisServer server;
    LockManager locks = manager_on(server.url());
    expect_works(locks);
    server.pause();
    std::error_code ec;
    const auto took =
        time_of([&] { EXPECT_FALSE(granted(locks.acquire("key", {.wait_timeout = 300ms}, ec))); });
    EXPECT_EQ(ec, Family::unknown) << ec.message();
    EXPECT_GE(took, 300ms);
    EXPECT_LT(took, (300ms + 2 * 250ms) * patience);
    server.resume();
    ASSERT_TRUE(poll_until([&] { return server.cli("EXISTS", "p:key") == "0"; }));
    expect_works(locks, "key");
}

TEST(RedisOutage, WaitGoesOnThroughARestart) {
    RedisServer server;
    LockManager locks = manager_on(server.url());
    expect_works(locks);
    server.stop();
    std::jthread waiter{[&] {
        std::error_code ec;
        EXPECT_TRUE(locks.acquire("key", {.wait_timeout = long_timeout}, ec)) << ec.message();
    }};
    server.restart();
}

TEST(RedisOutage, Row43DestructorOfAGuardEndsInTimeWhenTheServerIsDeadOrStopped) {
    for (const bool is_dead : {true, false}) {
        RedisServer server;
        LockManager locks = manager_on(server.url(), short_timeout);
        std::error_code ec;
        std::optional<ScopedDistributedLock> lock = locks.acquire("key", {}, ec);
        ASSERT_TRUE(lock) << ec.message();
        is_dead ? server.kill9() : server.pause();
        const auto took = time_of([&] { lock.reset(); });
        EXPECT_LT(took, 2 * short_timeout * patience);
    }
}

TEST(RedisOutage, Row65GuardOutlivesItsManager) {
    RedisServer server;
    std::optional<LockManager> locks = manager_on(server.url());
    std::error_code ec;
    auto lock = locks->acquire("key", {}, ec);
    ASSERT_TRUE(lock) << ec.message();
    locks.reset();
    EXPECT_FALSE(lock->owns_lock()) << "nobody renews it any more";
    EXPECT_EQ(lock->release(ec), ReleaseResult::released) << ec.message();
}

TEST(RedisOutage, Row65GuardOutlivesItsManagerAndTheServer) {
    RedisServer server;
    std::optional<LockManager> locks = manager_on(server.url(), short_timeout);
    std::error_code ec;
    auto lock = locks->acquire("key", {}, ec);
    auto forgotten = locks->acquire("key2", {}, ec);
    ASSERT_TRUE(lock && forgotten) << ec.message();
    locks.reset();
    server.kill9();
    EXPECT_EQ(lock->release(ec), ReleaseResult::unknown);
    EXPECT_TRUE(ec == Family::unknown || ec == Family::unavailable) << ec.message();
}

TEST(RedisOutage, Row66ServerAtItsLimitOfClientsIsUnavailable) {
    RedisServer server;
    for (const std::string& url : {server.url(), server.unix_url()}) {
        LockManager locks = manager_on(url);
        server.cli("CONFIG", "SET", "maxclients", "1");  // which is who says this
        expect_cannot_acquire(locks, Errc::too_many_clients);
        server.cli("CONFIG", "SET", "maxclients", "100");
        expect_works(locks);
    }
}

// Each key takes the server 2 ms to load, so it says LOADING for two seconds at least.
TEST(RedisOutage, Row17LoadingServerIsUnavailableAndWaitedFor) {
    RedisServer server{
        {"--enable-debug-command", "yes", "--loading-process-events-interval-bytes", "1024"}};
    LockManager locks = manager_on(server.url());
    expect_works(locks);
    server.cli("DEBUG", "POPULATE", "1000");
    server.cli("CONFIG", "SET", "key-load-delay", "2000");
    std::jthread reloader{[&] { EXPECT_EQ(server.cli("DEBUG", "RELOAD"), "OK"); }};
    EXPECT_TRUE(poll_until([&] {
        std::error_code ec;
        // Its release may meet the loading server, so the ttl has to free it; a server that saves
        // its data may take so long for an answer that nothing of the ttl is left.
        const auto lock = locks.acquire("key", {.ttl = 100ms}, ec);
        EXPECT_TRUE(lock || ec == Family::unavailable) << ec.message();
        return ec == Errc::loading;
    }));
    std::error_code ec;
    EXPECT_TRUE(locks.acquire("key", {.wait_timeout = long_timeout}, ec)) << ec.message();
    reloader.join();
    expect_works(locks);
}

std::atomic<int> broken_pipes{0};

TEST(RedisOutage, Row48BrokenConnectionRaisesNoSignal) {
    struct sigaction count {};
    struct sigaction before {};
    count.sa_handler = [](int) { ++broken_pipes; };
    ::sigaction(SIGPIPE, &count, &before);
    RedisServer server;
    const auto backend = backend_on(server.url(), short_timeout);
    EXPECT_EQ(run(*backend, Verb::acquire, "key", "me/1").outcome, Outcome::granted);
    server.pause();
    // The first is in flight when the server dies, so nobody looks before the others are written.
    std::deque<Operation> operations;
    const auto submit = [&] {
        operations.emplace_back(Request{
            .verb = Verb::renew, .key = "key", .token = "me/1", .submitted = boot_clock()->now()});
        backend->submit(operations.back());
    };
    submit();
    server.kill9();
    submit();
    submit();
    submit();
    for (Operation& operation : operations) {
        ASSERT_TRUE(poll_until([&] { return operation.done(); }));
        EXPECT_EQ(operation.reply.outcome, Outcome::failed);
    }
    ::sigaction(SIGPIPE, &before, nullptr);
    EXPECT_EQ(broken_pipes.load(), 0);
}

TEST(RedisOutage, Row50NoSocketIsInheritedByAChild) {
    RedisServer server;
    LockManager tcp = manager_on(server.url());
    LockManager unix_socket = manager_on(server.unix_url());
    expect_works(tcp);
    expect_works(unix_socket);
    int sockets = 0;
    for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
        std::error_code gone;
        const std::string what = std::filesystem::read_symlink(entry.path(), gone).string();
        if (what.rfind("socket:", 0) != 0) continue;
        ++sockets;
        const int flags = ::fcntl(std::stoi(entry.path().filename()), F_GETFD);
        EXPECT_NE(flags & FD_CLOEXEC, 0) << what;
    }
    EXPECT_GE(sockets, 2);
}

}  // namespace
}  // namespace leaselock

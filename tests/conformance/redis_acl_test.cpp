// Goal: the least-privilege user of the pages has the rights that are needed, and no other.
// Method: a real server; each right is taken from the user in turn, and some operation is refused.
// That the rights are enough is shown by the conformance suite, which runs as that user.
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <string>
#include <vector>

#include <leaselock/detail/blocking_call.hpp>
#include <leaselock/distributed_semaphore.hpp>
#include <leaselock/lock_manager.hpp>
#include <leaselock/redis.hpp>
#include <leaselock/testing/detail/conformance_case.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "conformance/locker_acl.hpp"
#include "support/leaks.hpp"
#include "support/patient.hpp"
#include "support/redis_server.hpp"

namespace leaselock::testing {
namespace {

using namespace std::chrono_literals;

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): never deleted as a Listener
class Nobody final : public Listener {
  public:
    using Listener::Listener;
    WakeUp handed_over(const HandOff&) noexcept override { return {}; }
    WakeUp poll() noexcept override { return {}; }
};

// The errors of every operation there is, in every state of a key.
class Locker {
  public:
    explicit Locker(const std::string& url)
        : backend_{make_redis_backend(
              {.url = support::patient(url), .username = "locker", .password = locker_password})} {}

    std::vector<Errc> use_all() {
        errors_.clear();
        for (const std::string key : {"hazel:lock:plain", "hazel:lock:{tag}:x"}) {
            const std::string token = detail::new_token();
            ask({.verb = Verb::acquire, .key = key, .token = token, .ttl = 1min});
            ask({.verb = Verb::acquire, .key = key, .token = token, .ttl = 1h});
            ask({.verb = Verb::inspect, .key = key});
            ask({.verb = Verb::renew, .key = key, .token = token, .ttl = 2h});
            ask({.verb = Verb::release, .key = key, .token = token, .keep = 10ms});
            ask({.verb = Verb::release, .key = key, .token = token});
            ask({.verb = Verb::renew, .key = key, .token = token, .ttl = 1h});
            const std::string queued_key = key + ":queued";
            const std::string other = detail::new_token();
            Nobody waiter{queued_key, other};
            const Request wait{.verb = Verb::acquire,
                               .key = queued_key,
                               .token = other,
                               .ttl = 1h,
                               .listener = &waiter,
                               .entry_life = 1min};
            ask({.verb = Verb::acquire, .key = queued_key, .token = token, .ttl = 1h});
            ask(wait);
            ask(wait);
            ask({.verb = Verb::release, .key = queued_key, .token = token});
            ask(wait);
            ask({.verb = Verb::release, .key = queued_key, .token = other});
            backend_->forget(waiter);
            const std::string free_key = key + ":free";
            ask({.verb = Verb::acquire, .key = free_key, .token = token, .ttl = 1h});
            ask({.verb = Verb::release, .key = free_key, .token = token});
            use_shares(key + ":shared");
        }
        try {
            (void)backend_->list("hazel:lock:", "*");
        } catch (const LockError& error) {
            errors_.push_back(static_cast<Errc>(error.code().value()));
        }
        return errors_;
    }

    // The error of one look at a key.
    Errc inspect() {
        errors_.clear();
        ask({.verb = Verb::inspect, .key = "hazel:lock:key"});
        return errors_.empty() ? Errc{} : errors_.front();
    }

  private:
    void use_shares(const std::string& key) {
        const std::string token = detail::new_token();
        const std::string other = detail::new_token();
        Nobody waiter{key, other};
        const Claim part = Claim::permits(1, 2);
        ask({.verb = Verb::acquire, .key = key, .token = token, .ttl = 1h, .claim = part});
        ask({.verb = Verb::acquire,
             .key = key,
             .token = other,
             .ttl = 1h,
             .claim = Claim::permits(2, 2),
             .listener = &waiter,
             .entry_life = 1min});
        ask({.verb = Verb::inspect, .key = key});
        ask({.verb = Verb::renew, .key = key, .token = token, .ttl = 2h, .claim = part});
        ask({.verb = Verb::release, .key = key, .token = token, .claim = part});
        ask({.verb = Verb::release, .key = key, .token = other, .claim = Claim::permits(2, 2)});
        backend_->forget(waiter);
        ask({.verb = Verb::acquire,
             .key = key + ":latch",
             .token = token,
             .ttl = 1h,
             .claim = Claim::count_down(1)});
    }
    void ask(Request request) {
        request.prefix = std::string_view{"hazel:lock:"}.size();
        request.submitted = boot_clock()->now();
        Operation operation{request};
        leaselock::detail::BlockingCall{operation}.run(*backend_, *boot_clock());
        if (operation.reply.outcome == Outcome::failed) errors_.push_back(operation.reply.error);
    }

    std::shared_ptr<Backend> backend_;
    std::vector<Errc> errors_;
};

// Those without which something is refused. Without the others waiters are not told.
std::vector<std::string> rights() {
    std::vector<std::string> found;
    for (const std::string& word : locker_acl()) {
        if (word == "+publish" || word == "+subscribe" || word == "+pubsub|numsub") continue;
        if (word.starts_with('+') || word.starts_with('~')) found.push_back(word);
    }
    return found;
}

// The user as the file has it, but for one word.
std::vector<std::string> acl_without(const std::string& left_out) {
    std::vector<std::string> words;
    for (const std::string& word : locker_acl()) {
        if (word != left_out) words.push_back(word);
    }
    return words;
}

TEST(LeastPrivilege, RightsAreEnough) {
    support::RedisServer server;
    server.command(locker_acl());
    EXPECT_EQ(Locker{server.url()}.use_all(), std::vector<Errc>{});
}

TEST(LeastPrivilege, EachRightIsNeeded) {
    ASSERT_EQ(rights().size(), 28U) << "26 commands and two patterns of keys";
    support::RedisServer server;
    for (const std::string& right : rights()) {
        server.cli("FLUSHALL");
        server.cli("SCRIPT", "FLUSH");
        server.command(acl_without(right));
        const auto errors = Locker{server.url()}.use_all();
        EXPECT_FALSE(errors.empty()) << right << " is not needed";
        for (const Errc error : errors) {
            EXPECT_EQ(error, Errc::access_denied)
                << right << ": " << std::error_code{error}.message();
        }
    }
}

// Its entry would be there for ever, if nobody came after it.
TEST(LeastPrivilege, WaiterThatMayNotSetATimeLeavesNoEntry) {
    support::RedisServer server;
    LockManager locks = connect(support::patient(server.url()));
    DistributedSemaphore permits{locks, "permits", 1, {.wait_timeout = 10s}};
    const auto lock = locks.acquire("key");
    const auto permit = permits.acquire();
    ASSERT_TRUE(lock.has_value() && permit.has_value());
    server.cli("ACL", "SETUSER", "default", "-pexpire");
    std::error_code ec;
    const auto second = locks.acquire("key", {.wait_timeout = 10s}, ec);
    EXPECT_FALSE(second.has_value());
    EXPECT_EQ(ec, Errc::access_denied);
    const auto other = permits.acquire(1, {}, ec);
    EXPECT_FALSE(other.has_value());
    EXPECT_EQ(ec, Errc::access_denied);
    server.cli("ACL", "SETUSER", "default", "+pexpire");
    EXPECT_EQ(support::keys_without_ttl(server), std::vector<std::string>{});
}

TEST(LeastPrivilege, AnotherDatabaseNeedsSelect) {
    support::RedisServer server;
    auto words = locker_acl();
    server.command(words);
    EXPECT_EQ(Locker{server.url() + "/2"}.inspect(), Errc::access_denied);
    words.emplace_back("+select");
    server.command(words);
    EXPECT_EQ(Locker{server.url() + "/2"}.use_all(), std::vector<Errc>{});
}

TEST(LeastPrivilege, WrongPasswordIsRefused) {
    support::RedisServer server;
    server.command(locker_acl());
    LockManager locks;
    locks.register_backend("redis", make_redis_backend({.url = support::patient(server.url()),
                                                        .username = "locker",
                                                        .password = "wrong"}));
    std::error_code ec;
    EXPECT_FALSE(granted(locks.acquire("key", {.backend = "redis"}, ec)));
    EXPECT_EQ(ec, Errc::authentication_failed);
    EXPECT_EQ(ec, Family::refused);
}

TEST(LeastPrivilege, UserReachesNothingButLocks) {
    support::RedisServer server;
    server.command(locker_acl());
    server.cli("SET", "data", "untouched");
    server.authenticate_as("locker", locker_password);
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"GET", "data"},
          {"SET", "data", "x"},
          {"DEL", "data"},
          {"EVAL", "return redis.call('GET', KEYS[1])", "1", "data"},
          {"KEYS", "*"},
          {"FLUSHALL"},
          {"CONFIG", "GET", "*"},
          {"SCRIPT", "FLUSH"},
          {"ACL", "LIST"},
          {"PUBLISH", "a", "b"}}) {
        EXPECT_THROW(server.command(command), std::runtime_error) << command.front();
    }
}

TEST(LeastPrivilege, PageQuotesTheFile) {
    std::ifstream file{LEASELOCK_GUIDE "/redis.md"};
    std::stringstream text;
    text << file.rdbuf();
    EXPECT_NE(text.str().find(locker_acl_line()), std::string::npos)
        << "docs/guide/redis.md does not quote the line of locker.acl";
}

}  // namespace
}  // namespace leaselock::testing

// Goal: the start-up check finds what is wrong with a Redis server, and each right that its user
// lacks, and finds nothing where all is well. Method: real servers, set up wrongly one by one; each
// right of the pages' least-privilege user is taken away in turn. docs/guide/before-you-go-live.md
// names each finding.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <string>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/redis.hpp>

#include "conformance/locker_acl.hpp"
#include "support/counter_key.hpp"
#include "support/free_port.hpp"
#include "support/leaks.hpp"
#include "support/patient.hpp"
#include "support/poll_until.hpp"
#include "support/redis_server.hpp"

namespace leaselock::testing {
namespace {

using namespace std::chrono_literals;
using Severity = Finding::Severity;
using Subjects = std::vector<std::string>;
using support::RedisServer;

LockManager manager_on(RedisOptions options) {
    options.connect_timeout = 20s;
    options.command_timeout = 20s;
    LockManager locks{{.backend = "redis"}};
    locks.register_backend("redis", make_redis_backend(options));
    return locks;
}

std::vector<Finding> check(const std::string& url) {
    return manager_on({.url = url}).check({}, CheckDepth::all);
}

std::vector<Finding> check_as_locker(const std::string& url) {
    return manager_on({.url = url, .username = "locker", .password = locker_password}).check();
}

std::string page() {
    std::ifstream file{LEASELOCK_GUIDE "/before-you-go-live.md"};
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

Subjects subjects_of(const std::vector<Finding>& findings) {
    static const std::string text = page();
    Subjects subjects;
    for (const Finding& finding : findings) {
        subjects.push_back(finding.subject);
        EXPECT_NE(text.find("`" + finding.subject + "`"), std::string::npos)
            << "docs/guide/before-you-go-live.md does not name the finding " << finding.subject;
        EXPECT_FALSE(finding.found.empty()) << finding.subject;
        EXPECT_FALSE(finding.advice.empty()) << finding.subject;
    }
    return subjects;
}

// Redis 7.0 says of a script that it lacks a right, and Valkey, as Redis from 7.2 on, which.
void expect_named(const Finding& finding, const std::string& right) {
    const bool is_new = std::getenv("LEASELOCK_TEST_SERVER") != nullptr;
    if (!is_new || finding.subject == "info") return;
    const std::string named = right[0] == '+' ? '\'' + right.substr(1) + "' command" : "a key";
    EXPECT_NE(finding.found.find(named), std::string::npos) << right << ": " << finding.found;
}

// A server that keeps what it is sent.
class RedisCheck : public ::testing::Test {
  protected:
    [[nodiscard]] std::vector<Finding> checked() const { return check(server_.url()); }

    // The one finding there is.
    [[nodiscard]] Finding only() const {
        const std::vector<Finding> findings = checked();
        EXPECT_EQ(subjects_of(findings).size(), 1U);
        return findings.empty() ? Finding{} : findings.front();
    }

    RedisServer server_{{"--appendonly", "yes"}};
};

TEST_F(RedisCheck, SoundServerIsFoundSoundAndNothingStaysButOneCounter) {
    EXPECT_EQ(subjects_of(checked()), Subjects{});
    EXPECT_EQ(server_.cli("DBSIZE"), "1");
    EXPECT_TRUE(server_.cli("KEYS", "*").starts_with("hazel:lock::ll:2c:"));
    EXPECT_EQ(support::keys_without_ttl(server_), Subjects{});
}

TEST_F(RedisCheck, CounterThatIsNoNumberIsAProblemAndOneFarAheadAHint) {
    const std::string broken = support::counter_key("hazel:lock:", "a");
    const std::string ahead = support::counter_key("hazel:lock:", "b");
    const std::string others = support::counter_key("other:", "a");
    server_.cli("SET", broken, "12x");
    server_.cli("SET", others, "12x");
    EXPECT_EQ(only().subject, "counter");
    EXPECT_EQ(only().severity, Severity::problem);
    EXPECT_NE(only().found.find(broken), std::string::npos) << only().found;
    server_.cli("DEL", broken);
    server_.cli("RPUSH", broken, "12");
    EXPECT_EQ(only().severity, Severity::problem);
    server_.cli("DEL", broken);
    server_.cli("SET", ahead, "9007199254740000");
    EXPECT_EQ(only().subject, "counter");
    EXPECT_EQ(only().severity, Severity::hint);
    EXPECT_NE(only().found.find(ahead), std::string::npos) << only().found;
    server_.cli("SET", ahead, std::to_string(std::stoll(server_.cli("TIME")) * 1'000'000));
    EXPECT_EQ(subjects_of(checked()), Subjects{});
}

TEST_F(RedisCheck, SampleReadsAFewCountersAndFindsAClockThatWasWrong) {
    const auto reads = [&] {
        const std::string stats = server_.cli("INFO", "commandstats");
        const std::size_t at = stats.find("cmdstat_get:calls=");
        return at == std::string::npos ? 0 : std::stoi(stats.substr(at + 18));
    };
    LockManager locks = connect(support::patient(server_.url()));
    const int before = reads();
    EXPECT_EQ(subjects_of(locks.check()), Subjects{});
    EXPECT_LE(reads() - before, 700) << "512, and those of the scripts";
    // All that were used while the clock was wrong, and no chance to miss them.
    std::vector<std::string> set_all{"MSET"};
    for (int i = 0; i < 1000; ++i) {
        set_all.push_back(support::counter_key("hazel:lock:", std::to_string(i)));
        set_all.emplace_back("9007199254740000");
    }
    EXPECT_EQ(server_.command(set_all), "OK");
    EXPECT_EQ(subjects_of(locks.check()), Subjects{"counter"});
}

TEST_F(RedisCheck, EvictingPolicyIsAProblemOnceMemoryIsLimited) {
    server_.cli("CONFIG", "SET", "maxmemory-policy", "volatile-ttl");
    EXPECT_EQ(only().subject, "maxmemory-policy");
    EXPECT_EQ(only().severity, Severity::hint);
    server_.cli("CONFIG", "SET", "maxmemory", "100mb");
    EXPECT_EQ(only().subject, "maxmemory-policy");
    EXPECT_EQ(only().severity, Severity::problem);
    server_.cli("CONFIG", "SET", "maxmemory-policy", "noeviction");
    EXPECT_EQ(subjects_of(checked()), Subjects{});
}

TEST_F(RedisCheck, FullMemoryShowsAtTheAcquire) {
    server_.cli("CONFIG", "SET", "maxmemory", "1");
    EXPECT_EQ(only().subject, "acquire");
    EXPECT_EQ(only().severity, Severity::problem);
}

TEST_F(RedisCheck, NoPersistenceIsAProblemAndSnapshotsAloneAreAHint) {
    server_.cli("CONFIG", "SET", "appendonly", "no");
    EXPECT_EQ(only().subject, "persistence");
    EXPECT_EQ(only().severity, Severity::problem);
    // The rewrite of the file that was switched off may be under way still.
    server_.cli("BGSAVE", "SCHEDULE");
    ASSERT_TRUE(support::poll_until([&] { return only().severity == Severity::hint; }));
    EXPECT_EQ(only().subject, "persistence");
}

TEST_F(RedisCheck, ReplicaIsNamedAndSoIsWhatItRefuses) {
    server_.cli("REPLICAOF", "127.0.0.1", std::to_string(support::free_port()));
    EXPECT_EQ(subjects_of(checked()), (Subjects{"acquire", "renew", "release", "role"}));
    server_.cli("REPLICAOF", "NO", "ONE");
    EXPECT_EQ(subjects_of(checked()), Subjects{});
}

TEST_F(RedisCheck, MasterOfReplicasThatAsksForNoneIsAHint) {
    RedisServer replica{{"--appendonly", "yes"}};
    replica.cli("REPLICAOF", "127.0.0.1", std::to_string(server_.port()));
    ASSERT_TRUE(support::poll_until([&] { return !checked().empty(); }));
    EXPECT_EQ(subjects_of(checked()), (Subjects{"min-replicas-to-write", "wait_replicas"}));
    EXPECT_EQ(checked().front().severity, Severity::hint);
    server_.cli("CONFIG", "SET", "min-replicas-to-write", "1");
    EXPECT_TRUE(
        support::poll_until([&] { return subjects_of(checked()) == Subjects{"wait_replicas"}; }));
    EXPECT_EQ(only().severity, Severity::hint);
    EXPECT_EQ(subjects_of(check(server_.url() + "?wait_replicas=1&wait_replicas_timeout=900ms")),
              Subjects{});
    server_.cli("CONFIG", "SET", "min-replicas-to-write", "2");
    const Subjects subjects = subjects_of(checked());
    EXPECT_EQ(std::count(subjects.begin(), subjects.end(), "acquire"), 1);
}

TEST(RedisCheckOfClocks, ClockThatIsOffIsAHint) {
    RedisServer server{{"--appendonly", "yes"}, support::WallClock::steppable};
    EXPECT_EQ(subjects_of(check(server.url())), Subjects{});
    for (const auto& [step, words] : {std::pair{1h, "ahead of"}, std::pair{-2h, "behind"}}) {
        server.step_clock(step);
        const std::vector<Finding> findings = check(server.url());
        ASSERT_EQ(subjects_of(findings), Subjects{"clock"});
        EXPECT_EQ(findings.front().severity, Severity::hint);
        EXPECT_NE(findings.front().found.find(words), std::string::npos) << findings.front().found;
    }
}

TEST_F(RedisCheck, LeastPrivilegeUserLacksInfoAlone) {
    auto words = locker_acl();
    server_.command(words);
    const std::vector<Finding> findings = check_as_locker(server_.url());
    ASSERT_EQ(subjects_of(findings), Subjects{"info"});
    EXPECT_EQ(findings.front().severity, Severity::hint);
    words.emplace_back("+info");
    server_.command(words);
    EXPECT_EQ(subjects_of(check_as_locker(server_.url())), Subjects{});
}

TEST_F(RedisCheck, EachRightThatIsMissingShowsAtTheVerbsThatNeedIt) {
    const Subjects all{"acquire", "inspect", "renew", "release"};
    std::vector<std::pair<std::string, Subjects>> rights{
        {"+set", {"acquire"}},
        {"+del", {"release"}},
        {"+pexpire", {"renew", "acquire"}},
        {"+pttl", {"inspect", "renew"}},
        {"+hdel", {"release"}},
        {"+lindex", {"release", "acquire", "renew"}},
        {"+hget", {"release", "renew"}},
        {"+hset", {"wait"}},
        {"+getex", {"renew"}},
        {"+exists", {"acquire"}},
        {"+hlen", {"wait"}},
        {"+lrem", {"release"}},
        {"+rpush", {"wait"}},
        {"+llen", {"inspect"}},
        {"+lrange", {"release"}},
        {"+zadd", {"acquire"}},
        {"+zcount", {"inspect"}},
        {"+zrange", {"wait", "release"}},
        {"+zrem", {"release"}},
        {"+zremrangebyscore", {"release"}},
        {"+zscore", {"renew", "release"}},
        {"+get", {"inspect", "release", "acquire", "renew"}},
        {"+evalsha", all},
        {"~hazel:lock:*", all},
        {"~{hazel:lock:*", {"acquire", "inspect", "release", "renew"}},
        {"+eval", all},
        {"+time", all}};
    for (auto& [right, subjects] : rights) {
        server_.cli("SCRIPT", "FLUSH");
        auto words = locker_acl();
        ASSERT_EQ(std::erase(words, right), 1U) << right;
        server_.command(words);
        subjects.emplace_back(right == "+time" ? "login" : "info");
        if (right == "+eval") subjects.emplace_back("eval");
        const std::vector<Finding> findings = check_as_locker(server_.url());
        Subjects found = subjects_of(findings);
        // What comes after a release needs more or less, by whether the waiter had subscribed by
        // then, so that the lock was handed over to it.
        if (right == "+del") std::erase(found, "renew");
        if (right == "+lrem") std::erase(found, "acquire");
        EXPECT_EQ(found, subjects) << right;
        for (const Finding& finding : findings) expect_named(finding, right);
        EXPECT_EQ(support::keys_without_ttl(server_), Subjects{}) << right;
    }
    EXPECT_EQ(rights.size() + 7 + 5, locker_acl().size())
        << "ACL SETUSER locker reset on >PASSWORD -@all, and what telling and listing need";
}

TEST_F(RedisCheck, MissingEvalShowsWhereOthersHaveBroughtTheScripts) {
    EXPECT_EQ(subjects_of(checked()), Subjects{});
    auto words = locker_acl();
    std::erase(words, "+eval");
    server_.command(words);
    const auto findings = check_as_locker(server_.url());
    ASSERT_EQ(subjects_of(findings), (Subjects{"info", "eval"}));
    EXPECT_EQ(findings.back().severity, Severity::problem);
}

TEST_F(RedisCheck, MissingRightToTellOrToBeToldIsAHint) {
    const std::vector<std::pair<std::string, Subjects>> rights{
        {"+publish", {"publish"}},
        {"+subscribe", {"subscribe"}},
        {"+pubsub|numsub", {"pubsub"}},
        {"&leaselock:*", {"publish", "subscribe"}}};
    for (const auto& [right, subjects] : rights) {
        auto words = locker_acl();
        ASSERT_EQ(std::erase(words, right), 1U) << right;
        words.emplace_back("+info");
        server_.command(words);
        const auto findings = check_as_locker(server_.url());
        EXPECT_EQ(subjects_of(findings), subjects) << right;
        for (const Finding& finding : findings) {
            EXPECT_EQ(finding.severity, Severity::hint) << right;
            EXPECT_NE(finding.advice.find(right), std::string::npos) << finding.advice;
        }
    }
}

TEST_F(RedisCheck, AnotherDatabaseNeedsSelect) {
    server_.command(locker_acl());
    EXPECT_EQ(subjects_of(check_as_locker(server_.url() + "/2")),
              (Subjects{"acquire", "inspect", "renew", "release", "login"}));
}

TEST_F(RedisCheck, PrefixThatRedisCannotDoIsNamed) {
    LockManager locks{{.prefix = "a}b", .backend = "redis"}};
    locks.register_backend("redis", make_redis_backend({.url = support::patient(server_.url())}));
    EXPECT_EQ(subjects_of(locks.check()), (Subjects{"acquire", "inspect", "renew", "release"}));
}

TEST_F(RedisCheck, ServerThatIsNotThereOrDoesNotKnowUsIsAnError) {
    std::error_code ec;
    EXPECT_EQ(
        subjects_of(manager_on({.url = server_.url(), .username = "nobody", .password = "wrong"})
                        .check({}, ec)),
        Subjects{});
    EXPECT_EQ(ec, Errc::authentication_failed);
    server_.stop();
    EXPECT_EQ(subjects_of(manager_on({.url = server_.url()}).check({}, ec)), Subjects{});
    EXPECT_EQ(ec, Errc::connect_failed);
    EXPECT_THROW((void)checked(), LockError);
    // The part of Redis alone.
    std::vector<Finding> findings;
    EXPECT_THROW(make_redis_backend({.url = support::patient(server_.url())})->examine(findings),
                 LockError);
}

}  // namespace
}  // namespace leaselock::testing

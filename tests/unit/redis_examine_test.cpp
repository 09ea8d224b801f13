// Goal: what a server tells of itself is judged right, also by servers that a test cannot start:
// one that is too old, one that tells nothing, one that breaks off. Method: texts of INFO, and a
// peer that answers what the test says. Servers as they are:
// tests/conformance/redis_check_test.cpp.
#include <algorithm>
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/redis.hpp>

#include "redis/info.hpp"
#include "support/scripted_peer.hpp"

namespace leaselock::redis {
namespace {

using namespace std::chrono_literals;
using Severity = Finding::Severity;
using Subjects = std::vector<std::string>;
using support::Answer;
using support::ScriptedPeer;

const std::string sound =
    "# Server\r\nredis_version:7.0.15\r\nrole:master\r\nmaxmemory:0\r\n"
    "maxmemory_policy:noeviction\r\naof_enabled:1\r\nconnected_slaves:0\r\n";

Subjects subjects_of(const std::vector<Finding>& findings) {
    Subjects subjects;
    for (const Finding& finding : findings) subjects.push_back(finding.subject);
    return subjects;
}

std::vector<Finding> judged(const std::string& info) {
    std::vector<Finding> findings;
    judge_info(info, 0, findings);
    return findings;
}

std::string with(const std::string& before, const std::string& after) {
    std::string info = sound;
    return info.replace(info.find(before), before.size(), after);
}

TEST(ServerInfo, MasterTellsItsReplicasAndWhatTheyLack) {
    const Replication told = decode_replication(
        "# Replication\r\nrole:master\r\nconnected_slaves:3\r\n"
        "slave0:ip=10.0.0.2,port=6379,state=online,offset=90,lag=1\r\n"
        "slave1:ip=fe80::1,port=6380,state=wait_bgsave,offset=0,lag=0\r\n"
        "slave2:ip=10.0.0.3,port=6379,state=online,offset=nonsense,lag=0\r\n"
        "master_repl_offset:100\r\n");
    EXPECT_EQ(told.role, "master");
    EXPECT_EQ(told.master, "");
    ASSERT_EQ(told.replicas.size(), 3U);
    EXPECT_EQ(told.replicas[0].address, "10.0.0.2:6379");
    EXPECT_EQ(told.replicas[0].state, "online");
    EXPECT_EQ(told.replicas[0].lag, 10U);
    EXPECT_EQ(told.replicas[1].address, "[fe80::1]:6380");
    EXPECT_EQ(told.replicas[1].lag, 100U);
    EXPECT_FALSE(told.replicas[2].lag);
}

TEST(ServerInfo, ReplicaTellsItsMasterAndWhetherTheyAreConnected) {
    const std::string info = "role:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\n";
    const Replication cut = decode_replication(info + "master_link_status:down\r\n");
    EXPECT_EQ(cut.master, "10.0.0.1:6379");
    EXPECT_FALSE(cut.is_linked);
    EXPECT_TRUE(decode_replication(info + "master_link_status:up\r\n").is_linked);
    EXPECT_EQ(decode_replication("nonsense").role, "");
}

TEST(ServerInfo, SoundServerGivesNoCause) { EXPECT_EQ(subjects_of(judged(sound)), Subjects{}); }

TEST(ServerInfo, VersionBeforeSevenIsAProblem) {
    for (const std::string version : {"6.2.14", "5.0", "", "x7.0"}) {
        const auto findings = judged(with("7.0.15", version));
        ASSERT_EQ(subjects_of(findings), Subjects{"redis_version"}) << version;
        EXPECT_EQ(findings.front().severity, Severity::problem);
        EXPECT_EQ(findings.front().found, version.empty() ? "not told" : version);
    }
    for (const std::string version : {"7.0.0", "7.2.4", "8.0", "10.1"}) {
        EXPECT_EQ(subjects_of(judged(with("7.0.15", version))), Subjects{}) << version;
    }
}

TEST(ServerInfo, WhatIsNotToldIsFoundAmiss) {
    EXPECT_EQ(subjects_of(judged("")),
              (Subjects{"redis_version", "role", "maxmemory-policy", "persistence"}));
}

TEST(ServerInfo, FieldIsAWholeNameAtTheBeginOfItsLine) {
    EXPECT_EQ(subjects_of(judged(with("role:master", "role_x:1\r\nxrole:slave\r\nrole:master"))),
              Subjects{});
}

TEST(ServerInfo, WordsOfTheServerAreCutAndClean) {
    const auto findings = judged(with("master", std::string(1000, 'x') + "\x1b[31m"));
    ASSERT_EQ(subjects_of(findings), Subjects{"role"});
    EXPECT_EQ(findings.front().found, std::string(200, 'x'));
}

class Examination : public ::testing::Test {
  protected:
    // The peer logs everybody in, and answers that to INFO and as a Redis does to all else, but for
    // the command of `lies_about_`.
    std::vector<Finding> examined(const Answer& info, Duration command_timeout = 20s) {
        peer_.on_command([info, lie = lies_about_](const ScriptedPeer::Command& command) {
            if (command.front() == "TIME") {
                return Answer::reply("*2\r\n$10\r\n1700000000\r\n$1\r\n0\r\n");
            }
            const bool silent = info.bytes.empty() && info.then == Answer::Then::go_on;
            return command.front() == "INFO" || silent ? info : honest(command, lie);
        });
        std::vector<Finding> findings;
        make_redis_backend(
            {.url = peer_.url(), .connect_timeout = 20s, .command_timeout = command_timeout})
            ->examine(findings);
        return findings;
    }
    [[nodiscard]] static Answer honest(const ScriptedPeer::Command& command,
                                       const std::string& lie) {
        if (command.front() == lie) return Answer::reply("+OK\r\n");
        if (command.front() == "PUBSUB") return Answer::reply("*2\r\n$1\r\nc\r\n:0\r\n");
        if (command.front() != "SUBSCRIBE") return Answer::reply(":1\r\n");
        return Answer::reply("*3\r\n$9\r\nsubscribe\r\n$" + std::to_string(command[1].size()) +
                             "\r\n" + command[1] + "\r\n:1\r\n");
    }
    Errc error(const Answer& info, Duration command_timeout = 20s) {
        try {
            (void)examined(info, command_timeout);
        } catch (const LockError& thrown) {
            EXPECT_NE(std::string(thrown.what()).find(peer_.url()), std::string::npos)
                << thrown.what();
            return static_cast<Errc>(thrown.code().value());
        }
        return {};
    }

    std::string lies_about_;
    ScriptedPeer peer_;
};

TEST_F(Examination, ReadsInfoAndClosesItsConnection) {
    const std::string old = with("7.0.15", "6.0.16");
    const auto findings =
        examined(Answer::reply("$" + std::to_string(old.size()) + "\r\n" + old + "\r\n"));
    EXPECT_EQ(subjects_of(findings), (Subjects{"clock", "redis_version"}));
    EXPECT_EQ(peer_.connections(), 1U);
}

TEST_F(Examination, InfoThatIsRefusedIsAHint) {
    const auto findings = examined(Answer::reply("-NOPERM no 'info'\r\n"));
    ASSERT_EQ(subjects_of(findings), (Subjects{"clock", "info"}));
    EXPECT_EQ(findings.back().severity, Severity::hint);
    EXPECT_NE(findings.back().advice.find("+info"), std::string::npos);
}

TEST_F(Examination, ServerThatBreaksOffIsAnError) {
    EXPECT_EQ(error(Answer::silence(), 2s), Errc::command_timed_out);
    EXPECT_EQ(error(Answer::close()), Errc::connection_lost);
    EXPECT_EQ(error(Answer::reply("garbage\r\n")), Errc::protocol_error);
}

TEST_F(Examination, AnswerThatTheCommandCannotHaveIsAnError) {
    EXPECT_EQ(error(Answer::reply(":1\r\n")), Errc::protocol_error);
    EXPECT_EQ(error(Answer::reply("$0\r\n\r\n")), Errc{});
    for (const std::string lie : {"EVAL", "PUBLISH", "PUBSUB", "SUBSCRIBE"}) {
        lies_about_ = lie;
        EXPECT_EQ(error(Answer::reply("$0\r\n\r\n")), Errc::protocol_error) << lie;
    }
}

}  // namespace
}  // namespace leaselock::redis

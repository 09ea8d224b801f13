// Goal: what a Sentinel says is understood exactly, and whatever else comes is an error in its
// family. Method: answers as bytes, without a socket.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <leaselock/error.hpp>

#include "redis/sentinel_talk.hpp"
#include "wire/parser.hpp"

namespace leaselock::redis {
namespace {

const std::string address = "*2\r\n$9\r\n127.0.0.1\r\n$4\r\n6501\r\n";
const std::string details =
    "*6\r\n$4\r\nname\r\n$1\r\nm\r\n$5\r\nflags\r\n$6\r\nmaster\r\n$12\r\nconfig-epoch\r\n$"
    "1\r\n7\r\n";

SentinelAnswers after(const std::string& bytes, const Credentials& who) {
    SentinelAnswers answers{who};
    wire::Parser parser;
    parser.feed(bytes);
    for (bool more = true; more;) {
        wire::RespValue reply;
        if (parser.next(reply) != wire::Parser::Result::reply) break;
        more = answers.take(reply);
    }
    return answers;
}

TEST(SentinelTalk, MasterIsNamedWithItsEpoch) {
    const Credentials nobody;
    const SentinelAnswers answers = after(address + details, nobody);
    ASSERT_FALSE(answers.error()) << answers.why();
    EXPECT_EQ(answers.master(), (NamedMaster{{"127.0.0.1", 6501}, 7}));
}

TEST(SentinelTalk, QuestionAsksForTheMasterAndLogsInFirst) {
    std::string plain;
    append_question(plain, {}, "m");
    EXPECT_EQ(plain.find("AUTH"), std::string::npos);
    EXPECT_NE(plain.find("GET-MASTER-ADDR-BY-NAME\r\n$1\r\nm\r\n"), std::string::npos) << plain;
    std::string secret;
    append_question(secret, {.username = "watcher", .password = "s3cret"}, "m");
    EXPECT_EQ(secret.find("*3\r\n$4\r\nAUTH\r\n$7\r\nwatcher\r\n$6\r\ns3cret\r\n"), 0U) << secret;
}

TEST(SentinelTalk, LoginComesBeforeTheAnswers) {
    const Credentials who{.username = {}, .password = "s3cret"};
    EXPECT_FALSE(after("+OK\r\n" + address + details, who).error());
}

struct Wrong {
    std::string bytes;
    Errc error;
};

TEST(SentinelTalk, WhatNamesNoMasterIsAnErrorInItsFamily) {
    const Credentials nobody;
    for (const Wrong& wrong : std::vector<Wrong>{
             {"*-1\r\n", Errc::unknown_master},
             {"$-1\r\n", Errc::unknown_master},
             {"-ERR unknown command 'SENTINEL', with args\r\n", Errc::not_supported},
             {"-NOAUTH Authentication required.\r\n", Errc::authentication_failed},
             {"-NOPERM this user has no permissions\r\n", Errc::access_denied},
             {"+OK\r\n", Errc::connect_failed},
             {"*2\r\n$0\r\n\r\n$4\r\n6501\r\n", Errc::connect_failed},
             {"*2\r\n$1\r\nh\r\n$1\r\n0\r\n", Errc::connect_failed},
             {"*2\r\n$1\r\nh\r\n$5\r\n65536\r\n", Errc::connect_failed},
             {"*2\r\n$1\r\nh\r\n$2\r\n-1\r\n", Errc::connect_failed},
             {"*3\r\n$1\r\nh\r\n$1\r\n1\r\n$1\r\n1\r\n", Errc::connect_failed},
             {address + "*0\r\n", Errc::connect_failed},
             {address + "*2\r\n$12\r\nconfig-epoch\r\n$1\r\nx\r\n", Errc::connect_failed},
             {address + "-ERR No such master with that name\r\n", Errc::connect_failed}}) {
        const SentinelAnswers answers = after(wrong.bytes, nobody);
        EXPECT_EQ(answers.error(), wrong.error) << wrong.bytes << answers.error().message();
        EXPECT_FALSE(answers.why().empty()) << wrong.bytes;
    }
}

// It may repeat what it was sent.
TEST(SentinelTalk, RefusedLoginTellsNoPassword) {
    const Credentials who{.username = {}, .password = "s3cret"};
    const SentinelAnswers answers = after("-WRONGPASS invalid s3cret\r\n", who);
    EXPECT_EQ(answers.error(), Errc::authentication_failed);
    EXPECT_EQ(answers.why().find("s3cret"), std::string::npos) << answers.why();
}

std::optional<wire::HostPort> heard(const std::string& channel, const std::string& text) {
    wire::Parser parser;
    parser.feed("*3\r\n$7\r\nmessage\r\n$" + std::to_string(channel.size()) + "\r\n" + channel +
                "\r\n$" + std::to_string(text.size()) + "\r\n" + text + "\r\n");
    wire::RespValue reply;
    if (parser.next(reply) != wire::Parser::Result::reply) return std::nullopt;
    return switched_to(reply, "m");
}

TEST(SentinelTalk, SwitchOfThisMasterIsHeardAndNoOther) {
    EXPECT_EQ(heard("+switch-master", "m 10.0.0.1 6501 10.0.0.2 6502"),
              (wire::HostPort{"10.0.0.2", 6502}));
    EXPECT_EQ(heard("+switch-master", "mm 10.0.0.1 6501 10.0.0.2 6502"), std::nullopt);
    EXPECT_EQ(heard("+sdown", "m 10.0.0.1 6501 10.0.0.2 6502"), std::nullopt);
    EXPECT_EQ(heard("+switch-master", "m 10.0.0.1 6501 10.0.0.2"), std::nullopt);
    EXPECT_EQ(heard("+switch-master", "m"), std::nullopt);
    EXPECT_EQ(heard("+switch-master", ""), std::nullopt);
    EXPECT_EQ(heard("+switch-master", "m 10.0.0.1 6501 10.0.0.2 6502 x"), std::nullopt);
}

}  // namespace
}  // namespace leaselock::redis

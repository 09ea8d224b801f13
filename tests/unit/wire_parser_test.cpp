// Goal: commands become exact bytes and bytes exact replies, and no bytes of a peer cost more than
// the bounds. Method: tables of bytes, whole and in pieces, without a socket.
#include <array>
#include <chrono>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "wire/command.hpp"
#include "wire/parser.hpp"

namespace leaselock::wire {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using Type = RespView::Type;
using Result = Parser::Result;

Result parse(std::string_view bytes, RespValue& out) {
    Parser parser;
    parser.feed(bytes);
    return parser.next(out);
}

TEST(Command, IsRespWithAnyBytes) {
    std::string out = "before";
    const std::array<std::string_view, 4> arguments{"SET", "k\r\n", std::string_view("\0\xff", 2),
                                                    ""};
    append_command(out, arguments);
    EXPECT_EQ(out, "before*4\r\n$3\r\nSET\r\n$3\r\nk\r\n\r\n$2\r\n\0\xff\r\n$0\r\n\r\n"s);
}

TEST(Command, TwoInOneStringAreAPipeline) {
    std::string out;
    append_command(out, std::array<std::string_view, 1>{"PING"});
    append_command(out, std::array<std::string_view, 1>{"PING"});
    EXPECT_EQ(out, "*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n");
}

TEST(RespValue, EachTypeIsReadAsSent) {
    RespValue reply;
    ASSERT_EQ(parse("+OK\r\n", reply), Result::reply);
    EXPECT_EQ(reply.type(), Type::status);
    EXPECT_EQ(reply.text(), "OK");

    ASSERT_EQ(parse("-ERR no\r\n", reply), Result::reply);
    EXPECT_TRUE(reply.is_error());
    EXPECT_EQ(reply.text(), "ERR no");

    ASSERT_EQ(parse("$4\r\na\r\nb\r\n", reply), Result::reply);
    EXPECT_EQ(reply.type(), Type::string);
    EXPECT_EQ(reply.text(), "a\r\nb");

    ASSERT_EQ(parse(":-9223372036854775808\r\n", reply), Result::reply);
    EXPECT_EQ(reply.type(), Type::integer);
    EXPECT_EQ(reply.integer(), INT64_MIN);

    ASSERT_EQ(parse("$-1\r\n", reply), Result::reply);
    EXPECT_EQ(reply.type(), Type::nil);

    ASSERT_EQ(parse("*3\r\n:7\r\n*1\r\n$1\r\nx\r\n*-1\r\n", reply), Result::reply);
    EXPECT_EQ(reply.type(), Type::array);
    ASSERT_EQ(reply.size(), 3U);
    EXPECT_EQ(reply.at(0).integer(), 7);
    EXPECT_EQ(reply.at(1).at(0).text(), "x");
    EXPECT_EQ(reply.at(2).type(), Type::nil);
}

TEST(RespValue, AnswersEveryQuestionEvenTheWrongOne) {
    const RespValue nothing;
    EXPECT_EQ(nothing.type(), Type::other);
    EXPECT_EQ(nothing.text(), "");
    EXPECT_EQ(nothing.integer(), 0);
    EXPECT_EQ(nothing.size(), 0U);
    EXPECT_EQ(nothing.at(0).type(), Type::other);

    RespValue reply;
    ASSERT_EQ(parse("*1\r\n:5\r\n", reply), Result::reply);
    EXPECT_EQ(reply.text(), "");
    EXPECT_EQ(reply.integer(), 0);
    EXPECT_EQ(reply.at(1).type(), Type::other);
    EXPECT_EQ(reply.at(0).text(), "");
}

TEST(RespValue, MovesItsContents) {
    RespValue first;
    ASSERT_EQ(parse("+first\r\n", first), Result::reply);
    RespValue second{std::move(first)};
    EXPECT_EQ(second.text(), "first");
    RespValue third;
    third = std::move(second);
    EXPECT_EQ(third.text(), "first");
}

// The value of each is in its RespValue: it outlives the next one, and the parser.
TEST(RespValue, IntegersOfOneParserAreKeptApart) {
    RespValue first;
    RespValue second;
    RespValue array;
    {
        Parser parser;
        parser.feed(":1\r\n:2\r\n*2\r\n:3\r\n:4\r\n:5\r\n");
        ASSERT_EQ(parser.next(first), Result::reply);
        ASSERT_EQ(parser.next(second), Result::reply);
        ASSERT_EQ(parser.next(array), Result::reply);
    }
    EXPECT_EQ(first.integer(), 1);
    EXPECT_EQ(second.integer(), 2);
    EXPECT_EQ(array.at(0).integer(), 3);
    EXPECT_EQ(array.at(1).integer(), 4);
    array = std::move(first);
    EXPECT_EQ(array.type(), Type::integer);
    EXPECT_EQ(array.size(), 0U);
    EXPECT_EQ(array.text(), "");
}

TEST(Parser, TakesRepliesInPiecesOfOneByte) {
    const std::string bytes = "*2\r\n$3\r\nabc\r\n:12\r\n+OK\r\n";
    Parser parser;
    RespValue reply;
    std::vector<std::size_t> complete_after;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        parser.feed(bytes.substr(i, 1));
        if (parser.next(reply) == Result::reply) complete_after.push_back(i + 1);
    }
    EXPECT_EQ(complete_after, (std::vector<std::size_t>{18, 23}));
    EXPECT_EQ(reply.text(), "OK");
    EXPECT_TRUE(parser.is_empty());
}

// An integer that comes alone goes another way than one that comes in pieces.
TEST(Parser, TakesAnIntegerAsItDoesInPieces) {
    for (const std::string text :
         {"1", "0", "-1", "+1", "-0", "01", "007", "10", "1 ", " 1", "1:", "1a", "",
          "9007199254740992", "999999999999999999", "9223372036854775807", "9223372036854775808",
          "-9223372036854775808", "99999999999999999999999999"}) {
        for (const std::string_view end :
             {"\r\n", "\r", "\n", "\n\n", "\r\r", "", "\r\n\r\n", "\r\n:2\r\n"}) {
            const std::string bytes = ":" + text + std::string{end};
            const auto read = [&](std::size_t step) {
                Parser parser;
                std::vector<std::string> seen;
                for (std::size_t at = 0; at < bytes.size(); at += step) {
                    parser.feed(std::string_view{bytes}.substr(at, step));
                }
                for (int i = 0; i < 3; ++i) {
                    RespValue reply;
                    const Result result = parser.next(reply);
                    seen.push_back(std::to_string(static_cast<int>(result)) + " " +
                                   std::to_string(static_cast<int>(reply.type())) + " " +
                                   std::to_string(reply.integer()) +
                                   (parser.is_empty() ? "" : " and more"));
                }
                return seen;
            };
            EXPECT_EQ(read(bytes.size()), read(1)) << bytes;
        }
    }
}

TEST(Parser, AnIntegerThatComesAloneIsBeforeWhatComesAfterIt) {
    Parser parser;
    parser.feed(":17\r\n");
    EXPECT_FALSE(parser.is_empty());
    parser.feed(":18\r\n:19");
    parser.feed("\r\n");
    for (const std::int64_t expected : {17, 18, 19}) {
        RespValue reply;
        ASSERT_EQ(parser.next(reply), Result::reply);
        EXPECT_EQ(reply.integer(), expected);
    }
    EXPECT_TRUE(parser.is_empty());
    parser.feed(":2");
    RespValue reply;
    EXPECT_EQ(parser.next(reply), Result::more);
    parser.feed(":3\r\n");
    EXPECT_EQ(parser.next(reply), Result::malformed);
}

TEST(Parser, GivesPipelinedRepliesOneByOne) {
    Parser parser;
    parser.feed("+a\r\n+b\r\n+c");
    RespValue reply;
    ASSERT_EQ(parser.next(reply), Result::reply);
    EXPECT_EQ(reply.text(), "a");
    ASSERT_EQ(parser.next(reply), Result::reply);
    EXPECT_EQ(reply.text(), "b");
    EXPECT_EQ(parser.next(reply), Result::more);
    EXPECT_EQ(reply.text(), "b");
    EXPECT_FALSE(parser.is_empty());
}

class MalformedBytes : public ::testing::TestWithParam<std::string> {};

TEST_P(MalformedBytes, AreSaidToBeMalformedNowAndLater) {
    Parser parser;
    parser.feed(GetParam());
    RespValue reply;
    EXPECT_EQ(parser.next(reply), Result::malformed);
    parser.feed("+OK\r\n");
    EXPECT_EQ(parser.next(reply), Result::malformed);
    EXPECT_EQ(reply.type(), Type::other);
}

INSTANTIATE_TEST_SUITE_P(Table, MalformedBytes,
                         ::testing::Values("HTTP/1.1 400 Bad Request\r\n", "\x15\x03\x01\r\n",
                                           "\0"s, ":\r\n", ":12a\r\n", ":9223372036854775808\r\n",
                                           "$-5\r\n", "$\r\n", "$x\r\n",
                                           "$99999999999999999999\r\n", "$3\r\nabcde",
                                           "$3\r\nab\r\n+OK\r\n", "*-7\r\n", "*x\r\n",
                                           "*4294967296\r\n", "*1\r\n!\r\n"));

TEST(Parser, AnAnnouncedArrayTakesNoMemoryAndNoTime) {
    RespValue reply;
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(parse("*2147483647\r\n", reply), Result::malformed);
    EXPECT_EQ(parse("*1\r\n*100000000\r\n", reply), Result::malformed);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 1s);
}

TEST(Parser, AnArrayMayHaveAsManyElementsAsTheBoundSays) {
    std::string bytes = "*" + std::to_string(Parser::max_array_elements) + "\r\n";
    for (std::size_t i = 0; i < Parser::max_array_elements; ++i) bytes += ":1\r\n";
    RespValue reply;
    ASSERT_EQ(parse(bytes, reply), Result::reply);
    EXPECT_EQ(reply.size(), Parser::max_array_elements);
    EXPECT_EQ(parse("*" + std::to_string(Parser::max_array_elements + 1) + "\r\n", reply),
              Result::malformed);
}

TEST(Parser, AnAnnouncedTextIsReadUpToTheBoundOnly) {
    Parser parser;
    RespValue reply;
    parser.feed("$2147483647\r\n");
    const std::string piece(std::size_t{16} * 1024, 'x');
    std::size_t fed = 0;
    while (parser.next(reply) == Result::more && fed < 2 * Parser::max_reply_bytes) {
        parser.feed(piece);
        fed += piece.size();
    }
    EXPECT_EQ(parser.next(reply), Result::malformed);
    EXPECT_LE(fed, Parser::max_reply_bytes + piece.size());
}

TEST(Parser, TheBoundIsOnOneReplyNotOnMany) {
    const std::string text(Parser::max_reply_bytes - 100, 'x');
    const std::string one = "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
    Parser parser;
    parser.feed(one + one + one);
    for (int i = 0; i < 3; ++i) {
        RespValue reply;
        ASSERT_EQ(parser.next(reply), Result::reply);
        EXPECT_EQ(reply.text().size(), text.size());
    }
}

TEST(Parser, ACompleteReplyOverTheBoundIsMalformed) {
    const std::string text(Parser::max_reply_bytes, 'x');
    RespValue reply;
    EXPECT_EQ(parse("$" + std::to_string(text.size()) + "\r\n" + text + "\r\n", reply),
              Result::malformed);
    EXPECT_EQ(reply.type(), Type::other);
}

TEST(Parser, DeepNestingIsMalformedOrBounded) {
    std::string bytes;
    for (int i = 0; i < 2000; ++i) bytes += "*1\r\n";
    RespValue reply;
    EXPECT_EQ(parse(bytes + ":1\r\n", reply), Result::malformed);
}

}  // namespace
}  // namespace leaselock::wire

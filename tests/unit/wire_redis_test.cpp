// Goal: the wire speaks with a real redis-server, by TCP and by unix socket, also while the server
// dies, stands still or comes back. Method: a server of the test's own.
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/poll_until.hpp"
#include "support/redis_server.hpp"
#include "wire/command.hpp"
#include "wire/connection.hpp"
#include "wire/url.hpp"

namespace leaselock::wire {
namespace {

using namespace std::chrono_literals;
using support::RedisServer;
using Type = RespView::Type;

Clock::time_point in(std::chrono::milliseconds time) { return boot_clock()->now() + time; }

class WireToRedis : public ::testing::TestWithParam<bool> {
  protected:
    [[nodiscard]] std::error_code open() {
        const Url url = parse_url(GetParam() ? server_.unix_url() : server_.url());
        return connection_.open({url.host, url.port, url.unix_path}, in(5s), why_);
    }
    void SetUp() override { ASSERT_FALSE(open()) << why_; }

    Received ask(const std::vector<std::string_view>& arguments,
                 std::chrono::milliseconds time = 10s) {
        std::string bytes;
        append_command(bytes, arguments);
        if (connection_.send(bytes, in(time)).error) return Received::closed;
        return connection_.receive(reply_, in(time));
    }

    RedisServer server_;
    Connection connection_{boot_clock()};
    RespValue reply_;
    std::string why_;
};

TEST_P(WireToRedis, CarriesAnyBytesThereAndBack) {
    std::string value;
    for (int byte = 0; byte < 256; ++byte) value += static_cast<char>(byte);
    ASSERT_EQ(ask({"SET", value, value}), Received::reply);
    EXPECT_EQ(reply_.text(), "OK");
    ASSERT_EQ(ask({"GET", value}), Received::reply);
    EXPECT_EQ(reply_.type(), Type::string);
    EXPECT_EQ(reply_.text(), value);
    EXPECT_EQ(server_.cli("DBSIZE"), "1");
}

TEST_P(WireToRedis, ReadsEachKindOfReply) {
    ASSERT_EQ(ask({"EVAL", "return {1, 'two', {3}, false}", "0"}), Received::reply);
    ASSERT_EQ(reply_.size(), 4U);
    EXPECT_EQ(reply_.at(0).integer(), 1);
    EXPECT_EQ(reply_.at(1).text(), "two");
    EXPECT_EQ(reply_.at(2).at(0).integer(), 3);
    EXPECT_EQ(reply_.at(3).type(), Type::nil);
    ASSERT_EQ(ask({"INCR", "a", "b"}), Received::reply);
    EXPECT_TRUE(reply_.is_error());
    EXPECT_TRUE(reply_.text().starts_with("ERR wrong number of arguments"));
}

TEST_P(WireToRedis, AnswersAPipelineInOrder) {
    constexpr int many = 1000;
    std::string bytes;
    for (int i = 0; i < many; ++i) {
        const std::string number = std::to_string(i);
        append_command(bytes, std::vector<std::string_view>{"ECHO", number});
    }
    ASSERT_FALSE(connection_.send(bytes, in(10s)).error);
    for (int i = 0; i < many; ++i) {
        ASSERT_EQ(connection_.receive(reply_, in(10s)), Received::reply);
        ASSERT_EQ(reply_.text(), std::to_string(i));
    }
    EXPECT_FALSE(connection_.is_stale());
}

TEST_P(WireToRedis, KilledServerIsClosedAndRefusesAndComesBack) {
    server_.kill9();
    EXPECT_EQ(ask({"PING"}), Received::closed);
    EXPECT_EQ(open(), Errc::connect_failed);
    EXPECT_NE(why_.find("Connection refused"), std::string::npos) << why_;
    server_.restart();
    ASSERT_FALSE(open()) << why_;
    EXPECT_EQ(ask({"PING"}), Received::reply);
}

TEST_P(WireToRedis, StoppedServerTimesOutAndItsLateReplyIsRead) {
    server_.pause();
    EXPECT_EQ(ask({"ECHO", "late"}, 50ms), Received::timed_out);
    server_.resume();
    ASSERT_EQ(connection_.receive(reply_, in(10s)), Received::reply);
    EXPECT_EQ(reply_.text(), "late");
}

TEST_P(WireToRedis, ConnectionThatTheServerKilledIsStale) {
    ASSERT_EQ(ask({"CLIENT", "ID"}), Received::reply);
    EXPECT_FALSE(connection_.is_stale());
    server_.cli("CLIENT", "KILL", "ID", std::to_string(reply_.integer()));
    EXPECT_TRUE(support::poll_until([&] { return connection_.is_stale(); }));
}

INSTANTIATE_TEST_SUITE_P(Endpoints, WireToRedis, ::testing::Bool(),
                         [](const auto& each) { return each.param ? "UnixSocket" : "Tcp"; });

TEST(RedisServerSupport, TalksOutOfBandAsTheUserThatItIsTold) {
    RedisServer server{{"--requirepass", "sesame"}};
    EXPECT_THROW(server.cli("PING"), std::runtime_error);
    server.authenticate_as("default", "sesame");
    EXPECT_EQ(server.cli("PING"), "PONG");
    EXPECT_EQ(server.cli("GET", "nothing"), "(nil)");
    server.stop();
    EXPECT_THROW(server.cli("PING"), std::runtime_error);
    server.restart();
    EXPECT_EQ(server.cli("PING"), "PONG");
}

TEST(RedisServerSupport, SaysWhyItDoesNotStart) {
    try {
        const RedisServer server{{"--no-such-option", "1"}};
        FAIL() << "it started";
    } catch (const std::runtime_error& error) {
        const std::string text = error.what();
        EXPECT_NE(text.find("does not start"), std::string::npos) << text;
        EXPECT_NE(text.find("no-such-option"), std::string::npos) << text;
    }
}

}  // namespace
}  // namespace leaselock::wire

// Goal: a new connection says who it is and learns the server's time, each refusal has its family,
// and no password is in any message. Method: a peer that answers what the test says.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "redis/login.hpp"
#include "support/poll_until.hpp"
#include "support/scripted_peer.hpp"

namespace leaselock::redis {
namespace {

using namespace std::chrono_literals;
using support::Answer;
using support::ScriptedPeer;
using Commands = std::vector<ScriptedPeer::Command>;

const std::string ok = "+OK\r\n";
const std::string time_of_day = "*2\r\n$10\r\n1700000000\r\n$6\r\n000042\r\n";

class RedisLogin : public ::testing::Test {
  protected:
    std::error_code log_in_with(const Credentials& who, std::chrono::milliseconds time = 10s) {
        const auto until = boot_clock()->now() + time;
        if (const auto error = connection_.open(peer_.endpoint(), until, why_)) return error;
        return log_in(connection_, who, until, server_time_, why_);
    }
    void answer(const std::vector<std::string>& texts) {
        std::vector<Answer> answers;
        answers.reserve(texts.size());
        for (const std::string& text : texts) answers.push_back(Answer::reply(text));
        peer_.script(std::move(answers));
    }

    ScriptedPeer peer_;
    wire::Connection connection_{boot_clock()};
    std::int64_t server_time_ = 0;
    std::string why_;
};

TEST_F(RedisLogin, AsksForTheTimeAloneWhereThereIsNothingToSay) {
    answer({time_of_day});
    EXPECT_FALSE(log_in_with({})) << why_;
    EXPECT_EQ(server_time_, 1'700'000'000'000'042);
    EXPECT_EQ(peer_.commands(), (Commands{{"TIME"}}));
}

TEST_F(RedisLogin, TimeThatCannotBeIsNoRedis) {
    for (const std::string time :
         {"*2\r\n$1\r\n0\r\n$1\r\n0\r\n", "*2\r\n$2\r\n-5\r\n$1\r\n0\r\n",
          "*2\r\n$19\r\n9223372036854775807\r\n$1\r\n0\r\n",
          "*2\r\n$10\r\n1700000000\r\n$7\r\n1000000\r\n", ":1\r\n",
          "*2\r\n$10\r\n170000000x\r\n$1\r\n1\r\n", "*2\r\n$10\r\n1700000000\r\n$0\r\n\r\n",
          "*3\r\n$10\r\n1700000000\r\n$1\r\n1\r\n$1\r\n1\r\n"}) {
        answer({time});
        EXPECT_EQ(log_in_with({}), Errc::connect_failed) << time;
        EXPECT_NE(why_.find("does not tell its time"), std::string::npos) << why_;
    }
}

TEST_F(RedisLogin, SaysUserPasswordAndDatabaseFirst) {
    answer({ok, ok, time_of_day});
    EXPECT_FALSE(log_in_with({.username = "locker", .password = "s3cret\r\n", .database = 7}));
    EXPECT_EQ(peer_.commands(),
              (Commands{{"AUTH", "locker", "s3cret\r\n"}, {"SELECT", "7"}, {"TIME"}}));
}

TEST_F(RedisLogin, PasswordWithoutUserIsTheDefaultUsers) {
    answer({ok, time_of_day});
    EXPECT_FALSE(log_in_with({.username = {}, .password = "s3cret"}));
    EXPECT_EQ(peer_.commands(), (Commands{{"AUTH", "default", "s3cret"}, {"TIME"}}));
}

struct Refusal {
    std::vector<std::string> answers;
    Errc error;
};

TEST_F(RedisLogin, RefusalsHaveTheirFamily) {
    const std::vector<Refusal> refusals{
        {{"-WRONGPASS invalid username-password pair\r\n"}, Errc::authentication_failed},
        {{"-ERR AUTH <password> called without any password configured\r\n"},
         Errc::authentication_failed},
        {{ok, "-ERR DB index is out of range\r\n"}, Errc::invalid_url},
        {{ok, "-NOPERM this user has no permissions to run the 'select' command\r\n"},
         Errc::access_denied},
        {{ok, ok, "-NOPERM this user has no permissions to run the 'time' command\r\n"},
         Errc::access_denied},
        {{"-LOADING Redis is loading the dataset in memory\r\n"}, Errc::loading},
        {{"-ERR max number of clients reached\r\n"}, Errc::too_many_clients},
        {{"-DENIED Redis is running in protected mode\r\n"}, Errc::authentication_failed},
        {{ok, ok, "-ERR something new\r\n"}, Errc::connect_failed},
        {{ok, ok, "+PONG\r\n"}, Errc::connect_failed},
        {{ok, ok, "HTTP/1.1 400 Bad Request\r\n"}, Errc::connect_failed},
    };
    for (const Refusal& refusal : refusals) {
        answer(refusal.answers);
        const auto error = log_in_with({.username = "u", .password = "s3cret", .database = 3});
        EXPECT_EQ(error, refusal.error) << refusal.answers.back() << why_;
        EXPECT_FALSE(why_.empty());
    }
}

TEST_F(RedisLogin, OfAnAnswerToAuthTheFirstWordAloneIsShown) {
    for (const std::string repeated :
         {"-ERR unknown command 'AUTH', with args beginning with: 'u' 's3cret'\r\n",
          "-ERR no user u with password s3cret\r\n", "-ERR bad AUTH: s3cr... (truncated)\r\n",
          "-s3cret is wrong\r\n", "-s3cret\r\n", "-WRONGPASS3cret\r\n"}) {
        answer({repeated});
        EXPECT_EQ(log_in_with({.username = "u", .password = "s3cret"}).category(),
                  error_category());
        EXPECT_EQ(why_.find("3cr"), std::string::npos) << why_;
        EXPECT_NE(why_.find("the server refused the login"), std::string::npos) << why_;
    }
    answer({"-SESAME\r\n"});
    EXPECT_EQ(log_in_with({.username = "u", .password = "SESAME"}), Errc::authentication_failed);
    EXPECT_EQ(why_, "the server refused the login");
    answer({"-WRONGPASS invalid username-password pair or user is disabled.\r\n"});
    EXPECT_EQ(log_in_with({.username = "u", .password = "s3cret"}), Errc::authentication_failed);
    EXPECT_EQ(why_, "the server refused the login: WRONGPASS");
}

TEST_F(RedisLogin, AnswersThatAreNoneOfALoginAreNoRedis) {
    for (const std::string wrong : {":1\r\n", "$2\r\nOK\r\n", "+QUEUED\r\n", "*0\r\n"}) {
        answer({wrong, ok, time_of_day});
        EXPECT_EQ(log_in_with({.username = "u", .password = "s3cret", .database = 3}),
                  Errc::connect_failed);
        answer({ok, wrong, time_of_day});
        EXPECT_EQ(log_in_with({.username = "u", .password = "s3cret", .database = 3}),
                  Errc::connect_failed);
        EXPECT_NE(why_.find("as a Redis does"), std::string::npos) << why_;
    }
}

TEST_F(RedisLogin, SilenceEndsAtTheDeadline) {
    const auto start = boot_clock()->now();
    EXPECT_EQ(log_in_with({}, 200ms), Errc::connect_failed);
    const auto took = boot_clock()->now() - start;
    EXPECT_GE(took, 200ms);
    EXPECT_LT(took, 2s);
}

TEST_F(RedisLogin, CloseIsConnectFailed) {
    peer_.script({Answer::close()});
    EXPECT_EQ(log_in_with({}), Errc::connect_failed);
    EXPECT_NE(why_.find("logging in"), std::string::npos) << why_;
}

// A server at its limit of clients says so and closes, before it has read anything.
TEST_F(RedisLogin, LastWordsOfAServerThatHasClosedAreHeard) {
    peer_.on_connect([] { return Answer::close("-ERR max number of clients reached\r\n"); });
    const auto until = boot_clock()->now() + 10s;
    ASSERT_FALSE(connection_.open(peer_.endpoint(), until, why_)) << why_;
    ASSERT_TRUE(support::poll_until(
        [&] { return peer_.connections() == 1 && peer_.open_connections() == 0; }));
    // The first write draws a reset, the next one fails.
    (void)connection_.send("*1\r\n$4\r\nPING\r\n", until);
    EXPECT_EQ(log_in(connection_, {}, until, server_time_, why_), Errc::too_many_clients) << why_;
}

}  // namespace
}  // namespace leaselock::redis

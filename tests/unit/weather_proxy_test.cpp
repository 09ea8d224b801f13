// Goal: the weather machine makes the weather that the test asks for, and no other. Method: a real
// redis-server after it, a plain connection before it, which says ECHO and looks at what comes.
#include "support/weather_proxy.hpp"

#include <array>

#include "support/poll_until.hpp"
#include "support/redis_server.hpp"
#include "support/resp_length.hpp"
#include "unit/wire_connection_fixture.hpp"
#include "wire/command.hpp"

namespace leaselock::wire {
namespace {

using support::Way;
using support::WeatherProxy;
using Fate = WeatherProxy::Fate;
using Sky = WeatherProxy::Sky;

class Weather : public ::testing::Test {
  protected:
    void SetUp() override { open(); }
    void open() {
        ASSERT_FALSE(connection_.open(proxy_.endpoint(), in(enough), why_)) << why_;
        ASSERT_EQ(echo("hello"), "hello");
    }
    void say(std::string_view word) {
        std::string out;
        append_command(out, std::array<std::string_view, 2>{"ECHO", word});
        ASSERT_FALSE(connection_.send(out, in(enough)).error);
    }
    // The next answer's text, or in brackets why there is none.
    std::string hear(std::chrono::milliseconds time = enough) {
        RespValue reply;
        switch (connection_.receive(reply, in(time))) {
            case Received::reply: return std::string(reply.text());
            case Received::timed_out: return "<timed out>";
            case Received::closed: return "<closed>";
            case Received::malformed: break;
        }
        return "<malformed>";
    }
    std::string echo(std::string_view word, std::chrono::milliseconds time = enough) {
        say(word);
        return hear(time);
    }

    support::RedisServer server_;
    WeatherProxy proxy_{server_.port()};
    Connection connection_{boot_clock()};
    std::string why_;
};

TEST_F(Weather, ClearSkyForwardsAndCounts) {
    EXPECT_EQ(echo("a"), "a");
    EXPECT_EQ(echo(std::string(100'000, 'x')), std::string(100'000, 'x'));
    EXPECT_EQ(proxy_.messages(Way::requests), 3U);
    EXPECT_EQ(proxy_.messages(Way::replies), 3U);
    EXPECT_EQ(proxy_.connections(), 1U);
    EXPECT_EQ(proxy_.open_connections(), 1U);
    connection_.close();
    EXPECT_TRUE(support::poll_until([&] { return proxy_.open_connections() == 0; }));
}

TEST_F(Weather, RefusalIsForNewConnections) {
    proxy_.set_sky(Sky::refuse);
    Connection second{boot_clock()};
    EXPECT_EQ(second.open(proxy_.endpoint(), in(enough), why_), Errc::connect_failed);
    EXPECT_EQ(echo("still here"), "still here");
    proxy_.set_sky(Sky::clear);
    EXPECT_FALSE(second.open(proxy_.endpoint(), in(enough), why_)) << why_;
}

TEST_F(Weather, StallReadsNothingAndGoesOn) {
    proxy_.set_sky(Sky::stall);
    EXPECT_EQ(echo("a", soon), "<timed out>");
    EXPECT_EQ(proxy_.messages(Way::requests), 1U) << "only the hello";
    proxy_.set_sky(Sky::clear);
    EXPECT_EQ(hear(), "a");
}

TEST_F(Weather, SilenceTakesAndForgets) {
    proxy_.set_sky(Sky::silence);
    EXPECT_EQ(echo("a", soon), "<timed out>");
    ASSERT_TRUE(support::poll_until([&] { return proxy_.messages(Way::requests) == 2; }));
    proxy_.set_sky(Sky::clear);
    EXPECT_EQ(echo("b"), "b") << "a is gone";
}

TEST_F(Weather, LostServerIsNotTold) {
    proxy_.lose_server();
    EXPECT_EQ(echo("a", soon), "<timed out>");
    EXPECT_EQ(proxy_.open_connections(), 1U);
    open();
}

TEST_F(Weather, LostRequestNeverReachesTheServer) {
    proxy_.strike(Way::requests, 2, Fate::lost);
    EXPECT_EQ(echo("a"), "a");
    EXPECT_FALSE(proxy_.has_struck(Way::requests));
    say("b");
    EXPECT_EQ(echo("c", soon), "<timed out>");
    EXPECT_TRUE(proxy_.has_struck(Way::requests));
    EXPECT_EQ(proxy_.messages(Way::replies), 2U);
    open();
}

TEST_F(Weather, LostReplyWasOneOfTheServer) {
    proxy_.strike(Way::replies, 1, Fate::lost);
    say("a");
    EXPECT_EQ(echo("b", soon), "<timed out>");
    EXPECT_EQ(proxy_.messages(Way::replies), 3U);
    open();
}

TEST_F(Weather, LateReplyComesWhenItIsLetGoAndHoldsUpTheNext) {
    proxy_.strike(Way::replies, 1, Fate::late);
    say("a");
    EXPECT_EQ(echo("b", soon), "<timed out>");
    proxy_.let_go();
    EXPECT_EQ(hear(), "a");
    EXPECT_EQ(hear(), "b");
}

TEST_F(Weather, ClosedAndResetEndTheConnection) {
    for (const Fate fate : {Fate::closed, Fate::reset}) {
        proxy_.strike(Way::replies, 1, fate);
        EXPECT_EQ(echo("a"), "<closed>");
        open();
        proxy_.drop_all(fate);
        EXPECT_EQ(hear(), "<closed>");
        open();
    }
}

TEST_F(Weather, TruncatedReplyEndsInTheMiddle) {
    proxy_.strike(Way::replies, 1, Fate::truncated);
    EXPECT_EQ(echo("a"), "<closed>");
    EXPECT_TRUE(connection_.has_unread()) << "the first half came";
}

TEST_F(Weather, CorruptReplyIsNoRespAnyMore) {
    proxy_.strike(Way::replies, 1, Fate::corrupt);
    EXPECT_EQ(echo("a"), "<malformed>");
}

TEST_F(Weather, DelayAndDripTakeTheirTime) {
    proxy_.slow_down(Way::replies, 50ms);
    EXPECT_GE(timed([&] { EXPECT_EQ(echo("a"), "a"); }), 50ms);
    proxy_.slow_down(Way::replies, 0ms, 10ms);
    EXPECT_GE(timed([&] { EXPECT_EQ(echo("abc"), "abc"); }), 80ms) << "nine bytes";
    proxy_.slow_down(Way::requests, 50ms);
    proxy_.slow_down(Way::replies, 0ms);
    EXPECT_GE(timed([&] { EXPECT_EQ(echo("a"), "a"); }), 50ms);
}

TEST_F(Weather, LeadsToAnotherServer) {
    support::RedisServer other;
    proxy_.lead_to(other.port());
    server_.stop();
    EXPECT_EQ(hear(), "<closed>");
    open();
}

TEST(RespLength, FindsTheEndOfAMessage) {
    using support::resp_length;
    EXPECT_EQ(resp_length("+OK\r\n:1\r\n"), 5U);
    EXPECT_EQ(resp_length("$3\r\nabc\r\n:1\r\n"), 9U);
    EXPECT_EQ(resp_length("$-1\r\n"), 5U);
    EXPECT_EQ(resp_length("*2\r\n*1\r\n:1\r\n$1\r\nx\r\n+OK\r\n"), 19U);
    EXPECT_EQ(resp_length("*2\r\n:1\r\n"), std::nullopt);
    EXPECT_EQ(resp_length("$3\r\nabc"), std::nullopt);
    EXPECT_EQ(resp_length(""), std::nullopt);
    EXPECT_EQ(resp_length("\x16\x03\x01"), 3U) << "not RESP";
}

}  // namespace
}  // namespace leaselock::wire

// Goal: what fields and URL say of a Redis backend is taken over, the field before the URL, and
// what is out of its range is refused with field, value and range. Method: the settings that come
// out.
#include <chrono>
#include <gtest/gtest.h>
#include <string>

#include "redis/options.hpp"

namespace leaselock::redis {
namespace {

using namespace std::chrono_literals;

ConnectionSettings of_url(const std::string& options) {
    return settings_of({.url = "redis://h?" + options});
}

// The error and its text.
std::string refusal(const RedisOptions& options, Errc expected) {
    try {
        (void)settings_of(options);
    } catch (const LockError& error) {
        EXPECT_EQ(error.code(), expected) << error.what();
        return error.what();
    }
    return "not refused";
}
bool mentions(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST(RedisSettings, HaveTheirDefaults) {
    const ConnectionSettings settings = settings_of({.url = "redis://h"});
    EXPECT_EQ(settings.connect_timeout, 1s);
    EXPECT_EQ(settings.command_timeout, 1s);
    EXPECT_EQ(settings.spin, 0us);
    EXPECT_EQ(settings.max_in_flight, 65'536U);
}

TEST(RedisSettings, ComeFromTheUrl) {
    const ConnectionSettings settings =
        of_url("connect_timeout=2s&command_timeout=3s&spin=7us&max_in_flight=9");
    EXPECT_EQ(settings.connect_timeout, 2s);
    EXPECT_EQ(settings.command_timeout, 3s);
    EXPECT_EQ(settings.spin, 7us);
    EXPECT_EQ(settings.max_in_flight, 9U);
    EXPECT_EQ(of_url("command_timeout=1500us").command_timeout, 2ms) << "rounded up";
}

TEST(RedisSettings, TakeHostAndPortAsTheyAre) {
    const ConnectionSettings settings =
        settings_of({.url = "redis://u:p@h:1/3", .host = "::1", .port = 7000});
    EXPECT_EQ(settings.endpoint.host, "::1");
    EXPECT_EQ(settings.endpoint.port, 7000);
    EXPECT_EQ(settings.credentials.username, "u");
    EXPECT_EQ(settings.credentials.database, 3);
    const ConnectionSettings secret = settings_of({.host = "db", .password = "p@ss/w:rd"});
    EXPECT_EQ(secret.endpoint.host, "db");
    EXPECT_EQ(secret.endpoint.port, 6379);
    EXPECT_EQ(secret.credentials.password, "p@ss/w:rd");
    EXPECT_EQ(secret.name.find("p@ss"), std::string::npos) << secret.name;
}

TEST(RedisSettings, RefuseWhatIsNoHostAndNoPort) {
    for (const std::string host : {"redis://db", "user@db", "[::1]", "a b", "a/b"}) {
        EXPECT_TRUE(mentions(refusal({.host = host}, Errc::invalid_option), "host")) << host;
    }
    for (const int port : {0, -1, 65'536}) {
        EXPECT_TRUE(mentions(refusal({.port = port}, Errc::invalid_option), "1 to 65535")) << port;
    }
    EXPECT_TRUE(mentions(refusal({.url = "redis+unix:///s", .host = "db"}, Errc::invalid_option),
                         "redis+unix"));
}

TEST(RedisSettings, SentinelsAreAskedWhereTheServerIs) {
    const std::string url = "redis+sentinel://app:pass@s1,s2/m/3";
    const ConnectionSettings settings = settings_of(
        {.url = url + "?sentinel_user=watcher&sentinel_password=w%20word&command_timeout=3s"});
    EXPECT_NE(settings.locator, nullptr);
    EXPECT_EQ(settings.credentials.username, "app");
    EXPECT_EQ(settings.credentials.password, "pass");
    EXPECT_EQ(settings.credentials.database, 3);
    EXPECT_EQ(settings.command_timeout, 3s);
    EXPECT_EQ(settings.name, "redis+sentinel://app:***@s1:26379,s2:26379/m/3");
    EXPECT_EQ(settings_of({.url = "redis://h"}).locator, nullptr);
    EXPECT_TRUE(mentions(refusal({.url = url, .host = "h"}, Errc::invalid_option), "host"));
    EXPECT_TRUE(mentions(refusal({.sentinel_password = "x"}, Errc::invalid_option),
                         "sentinel_password is set"));
    refusal({.url = "redis://h?sentinel_password=x"}, Errc::invalid_url);
    refusal({.url = "redis://h?sentinel_user=x"}, Errc::invalid_url);
}

TEST(RedisSettings, ReplicasThatAreWaitedForHaveLessTimeThanACommand) {
    EXPECT_EQ(settings_of({}).wait_replicas, 0);
    const ConnectionSettings settings = of_url("wait_replicas=2&wait_replicas_timeout=300ms");
    EXPECT_EQ(settings.wait_replicas, 2);
    EXPECT_EQ(settings.wait_timeout, 300ms);
    EXPECT_EQ(of_url("wait_replicas=1").wait_timeout, 100ms);
    EXPECT_EQ(of_url("wait_replicas=1&command_timeout=20ms").wait_timeout, 10ms);
    EXPECT_EQ(of_url("wait_replicas=1&command_timeout=1ms").wait_timeout, 1ms)
        << "0 is for ever to a server";
    EXPECT_EQ(settings_of({.url = "redis://h?wait_replicas=1", .wait_replicas = 3}).wait_replicas,
              3);
    for (const int count : {-1, 101}) {
        EXPECT_TRUE(mentions(refusal({.wait_replicas = count}, Errc::invalid_option), "0 to 100"));
    }
    for (const auto time : {0ms, 1000ms}) {
        EXPECT_TRUE(mentions(refusal({.wait_replicas_timeout = time}, Errc::invalid_option),
                             "wait_replicas_timeout"));
    }
    refusal({.url = "redis://h?wait_replicas=x"}, Errc::invalid_url);
    refusal({.url = "redis://h?wait_replicas_timeout=1"}, Errc::invalid_url);
}

TEST(RedisSettings, ComeFromTheFieldFirst) {
    const ConnectionSettings settings = settings_of(
        {.url = "redis://h?connect_timeout=2s&command_timeout=3s&spin=7us&max_in_flight=9",
         .connect_timeout = 5s,
         .command_timeout = 6s,
         .spin = 8us,
         .max_in_flight = 1});
    EXPECT_EQ(settings.connect_timeout, 5s);
    EXPECT_EQ(settings.command_timeout, 6s);
    EXPECT_EQ(settings.spin, 8us);
    EXPECT_EQ(settings.max_in_flight, 1U);
}

TEST(RedisSettings, ReachTheEndsOfTheirRanges) {
    EXPECT_EQ(settings_of({.spin = 1ms}).spin, 1ms);
    EXPECT_EQ(settings_of({.max_in_flight = 1'000'000}).max_in_flight, 1'000'000U);
    EXPECT_EQ(of_url("spin=1ms").spin, 1ms);
}

TEST(RedisSettings, OutOfRangeAreRefused) {
    for (const auto spin : {-1us, 1001us, std::chrono::microseconds::max()}) {
        const std::string text = refusal({.spin = spin}, Errc::invalid_option);
        EXPECT_TRUE(mentions(text, "spin = " + std::to_string(spin.count()))) << text;
        EXPECT_TRUE(mentions(text, "0 to 1000 us")) << text;
    }
    for (const int count : {-1, 0, 1'000'001}) {
        const std::string text = refusal({.max_in_flight = count}, Errc::invalid_option);
        EXPECT_TRUE(mentions(text, "max_in_flight = " + std::to_string(count))) << text;
        EXPECT_TRUE(mentions(text, "1 to 1000000")) << text;
    }
    refusal({.url = "redis://h?spin=2ms"}, Errc::invalid_option);
    refusal({.url = "redis://h?max_in_flight=0"}, Errc::invalid_option);
}

TEST(RedisSettings, UnreadableInTheUrlAreRefused) {
    for (const std::string option :
         {"spin=", "spin=1", "spin=-1us", "spin=x", "max_in_flight=", "max_in_flight=1k",
          "max_in_flight=-1x", "max_in_flight=99999999999", "spins=1us"}) {
        const std::string text = refusal({.url = "redis://h?" + option}, Errc::invalid_url);
        EXPECT_TRUE(mentions(text, "URL option")) << text;
    }
}

TEST(RedisSettings, ValueOfAnOptionIsNotShown) {
    for (const std::string name : {"password", "pasword", "connect_timeout", "command_timeout",
                                   "spin", "max_in_flight", "verify"}) {
        const std::string text =
            refusal({.url = "rediss://h?" + name + "=sesame"}, Errc::invalid_url);
        EXPECT_TRUE(mentions(text, name)) << text;
        EXPECT_FALSE(mentions(text, "sesame")) << text;
    }
    EXPECT_FALSE(mentions(refusal({.url = "redis://h?s3same=1"}, Errc::invalid_url), "s3same"));
}

TEST(RedisSettings, NameShowsTheUserWhereThereIsAPassword) {
    EXPECT_EQ(settings_of({.url = "redis://sesame@h"}).name, "redis://***@h:6379/0");
    EXPECT_EQ(settings_of({.url = "redis://app@h", .password = "sesame"}).name,
              "redis://app:***@h:6379/0");
}

TEST(RedisClusterSettings, HaveTheNodesOfTheUrl) {
    const ClusterSettings settings = cluster_settings_of(
        {.url =
             "redis+cluster://u:p@h1,h2:7001?command_timeout=3s&node_addresses=a:1=b:2,[::1]=c"});
    EXPECT_TRUE(is_cluster({.url = "redis+cluster://h1"}));
    EXPECT_FALSE(is_cluster({.url = "redis://h1"}));
    const std::vector<NodeAddress> seeds{{"h1", 6379}, {"h2", 7001}};
    EXPECT_EQ(settings.seeds, seeds);
    EXPECT_EQ(settings.common.command_timeout, 3s);
    EXPECT_EQ(settings.common.credentials.password, "p");
    const std::map<NodeAddress, NodeAddress> addresses{{{"a", 1}, {"b", 2}},
                                                       {{"::1", 6379}, {"c", 6379}}};
    EXPECT_EQ(settings.addresses, addresses);
    const ConnectionSettings node = settings.of(NodeAddress{"h3", 7003});
    EXPECT_EQ(node.endpoint.host, "h3");
    EXPECT_EQ(node.endpoint.port, 7003);
    EXPECT_EQ(node.credentials.username, "u");
    EXPECT_TRUE(mentions(node.name, "h3:7003")) << node.name;
    EXPECT_FALSE(mentions(node.name, ":p@")) << node.name;
}

TEST(RedisClusterSettings, RefuseWhatIsNotForThem) {
    EXPECT_TRUE(mentions(refusal({.url = "redis+cluster://h", .host = "db"}, Errc::invalid_option),
                         "redis+cluster"));
    EXPECT_TRUE(mentions(refusal({.url = "redis+cluster://h", .port = 1}, Errc::invalid_option),
                         "redis+cluster"));
    EXPECT_TRUE(mentions(
        refusal({.url = "redis://h", .node_addresses = {{"a", "b"}}}, Errc::invalid_option),
        "node_addresses"));
    EXPECT_TRUE(
        mentions(refusal({.url = "redis://h?node_addresses=a=b"}, Errc::invalid_url), "not known"));
    for (const char* const wrong : {"", "a", "=b", "a=b,", "a=b,a=c"}) {
        EXPECT_TRUE(
            mentions(refusal({.url = std::string("redis+cluster://h?node_addresses=") + wrong},
                             Errc::invalid_url),
                     "node_addresses"))
            << wrong;
    }
    for (const char* const wrong : {"a:0", "a:x", "a b", "u@a", "a/1"}) {
        EXPECT_THROW((void)cluster_settings_of(
                         {.url = "redis+cluster://h", .node_addresses = {{"a", wrong}}}),
                     LockError)
            << wrong;
    }
}

}  // namespace
}  // namespace leaselock::redis

// Goal: a URL gives exactly what it says, and a wrong one an error that names the part and what is
// allowed, and never a value, which may be a piece of the password. Method: tables of good and bad
// texts.
#include "wire/url.hpp"

#include <gtest/gtest.h>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <leaselock/error.hpp>

namespace leaselock::wire {
namespace {

using namespace std::chrono_literals;

std::string error_of(const std::string& text) {
    try {
        ADD_FAILURE() << "was taken: " << text << " as " << masked(parse_url(text));
    } catch (const LockError& error) {
        EXPECT_EQ(error.code(), Errc::invalid_url) << text;
        return error.what();
    }
    return {};
}

struct Good {
    std::string text;
    std::string host;
    int port;
    std::string username;
    std::string password;
    int database;
};

void PrintTo(const Good& good, std::ostream* out) { *out << good.text; }

class GoodUrl : public ::testing::TestWithParam<Good> {};

TEST_P(GoodUrl, IsReadAsItSays) {
    const Good& expected = GetParam();
    const Url url = parse_url(expected.text);
    EXPECT_EQ(url.host, expected.host);
    EXPECT_EQ(url.port, expected.port);
    EXPECT_EQ(url.username, expected.username);
    EXPECT_EQ(url.password, expected.password);
    EXPECT_EQ(url.database, expected.database);
    EXPECT_EQ(url.unix_path, "");
    EXPECT_TRUE(url.options.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Table, GoodUrl,
    ::testing::Values(Good{"redis://localhost", "localhost", 6379, "", "", 0},
                      Good{"redis://localhost/", "localhost", 6379, "", "", 0},
                      Good{"redis://127.0.0.1:6380/3", "127.0.0.1", 6380, "", "", 3},
                      Good{"redis://my_cache-1.example:1", "my_cache-1.example", 1, "", "", 0},
                      Good{"redis://h:65535/2147483647", "h", 65535, "", "", 2147483647},
                      Good{"redis://:secret@h", "h", 6379, "", "secret", 0},
                      Good{"redis://app@h", "h", 6379, "app", "", 0},
                      Good{"redis://app:secret@h:7/1", "h", 7, "app", "secret", 1},
                      Good{"redis://app:@h", "h", 6379, "app", "", 0},
                      Good{"redis://a:b:c@h", "h", 6379, "a", "b:c", 0},
                      Good{"redis://a:b@c@h", "h", 6379, "a", "b@c", 0},
                      Good{"redis://a%40b:%2F%3a%25@h", "h", 6379, "a@b", "/:%", 0},
                      Good{"redis://[::1]", "::1", 6379, "", "", 0},
                      Good{"redis://[2001:DB8::1]:7000/2", "2001:DB8::1", 7000, "", "", 2},
                      Good{"redis://u:p@[fe80::1%25eth0]:7", "fe80::1%eth0", 7, "u", "p", 0}));

TEST(Url, OptionsAreHandedUpInOrderAndDecoded) {
    const Url url = parse_url("redis://h/1?b=2&a=x%26y%3D&empty=&db=7");
    const std::vector<std::pair<std::string, std::string>> expected{
        {"b", "2"}, {"a", "x&y="}, {"empty", ""}, {"db", "7"}};
    EXPECT_EQ(url.options, expected);
    EXPECT_EQ(url.database, 1);
}

// It may be the end of a password that was torn apart.
TEST(Url, AtSignBehindTheHostIsEscapedOrRefused) {
    const Url url = parse_url("redis+unix:///run/me%40here?owner=me%40here");
    ASSERT_EQ(url.options.size(), 1U);
    EXPECT_EQ(url.options[0].second, "me@here");
    EXPECT_EQ(url.unix_path, "/run/me@here");
    for (const std::string text : {"redis://h?owner=me@here", "redis+unix:///run/me@here"}) {
        EXPECT_NE(error_of(text).find("'@' behind the host"), std::string::npos) << error_of(text);
    }
}

TEST(Url, UnixSocketHasPathUserAndDatabase) {
    const Url url = parse_url("redis+unix://app:pa%3Fss@/run/my%20redis.sock?db=2&a=b");
    EXPECT_EQ(url.unix_path, "/run/my redis.sock");
    EXPECT_EQ(url.host, "");
    EXPECT_EQ(url.username, "app");
    EXPECT_EQ(url.password, "pa?ss");
    EXPECT_EQ(url.database, 2);
    ASSERT_EQ(url.options.size(), 1U);
    EXPECT_EQ(url.options[0].first, "a");
}

TEST(Url, SentinelsAreAListAndKnowTheMasterByItsName) {
    const Url url =
        parse_url("redis+sentinel://app:pa%2Css@s1,s2:7,[::1]:8/my-master.1/3?sentinel_user=w");
    const std::vector<HostPort> hosts{{"s1", 26379}, {"s2", 7}, {"::1", 8}};
    EXPECT_EQ(url.hosts, hosts);
    EXPECT_EQ(url.master, "my-master.1");
    EXPECT_EQ(url.host, "");
    EXPECT_EQ(url.password, "pa,ss");
    EXPECT_EQ(url.database, 3);
    EXPECT_FALSE(url.tls);
    EXPECT_TRUE(parse_url("rediss+sentinel://s/m").tls);
    EXPECT_EQ(parse_url("redis+sentinel://s/m").database, 0);
    EXPECT_EQ(parse_url("redis+sentinel://s/m/").database, 0);
}

struct Bad {
    std::string text;
    std::vector<std::string> told;  // parts of the error's text
};

void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.text; }

class BadUrl : public ::testing::TestWithParam<Bad> {};

TEST_P(BadUrl, IsRefusedWithPartAndWhatIsAllowed) {
    const std::string error = error_of(GetParam().text);
    EXPECT_NE(error.find("allowed: "), std::string::npos) << error;
    for (const std::string& part : GetParam().told) {
        EXPECT_NE(error.find(part), std::string::npos) << error << "\n lacks " << part;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadUrl,
    ::testing::Values(
        Bad{"", {"scheme", "redis://"}}, Bad{"localhost:6379", {"scheme"}},
        Bad{"redis:/h", {"scheme"}}, Bad{"http://h", {"scheme", "'http'", "redis+unix://"}},
        Bad{"REDIS://h", {"scheme", "'REDIS'"}},
        Bad{"redissss://h", {"scheme", "'redissss'", "rediss://"}},
        Bad{"redis://", {"host is empty"}}, Bad{"redis:///0", {"host is empty"}},
        Bad{"redis://:6379", {"host is empty"}}, Bad{"redis://u:p@", {"host is empty"}},
        Bad{"redis://h:", {"port", "1 to 65535"}}, Bad{"redis://h:0", {"port", "1 to 65535"}},
        Bad{"redis://h:65536", {"port"}}, Bad{"redis://h:-1", {"port"}},
        Bad{"redis://h:6379x", {"port"}}, Bad{"redis://h:99999999999999999999", {"port"}},
        Bad{"redis://::1", {"more than one ':'", "brackets"}}, Bad{"redis://[::1", {"brackets"}},
        Bad{"redis://[::1]6379", {"brackets"}}, Bad{"redis://[]", {"IPv6"}},
        Bad{"redis://[1.2.3.4]", {"IPv6"}}, Bad{"redis://[fe80::1%25]", {"IPv6"}},
        Bad{"redis://[fe80::1%25a/b]", {}}, Bad{"redis://h h", {"host"}},
        Bad{"redis://h\r\nx", {"host"}}, Bad{"redis://h/x", {"database", "0 to 2147483647"}},
        Bad{"redis://h/-1", {"database"}}, Bad{"redis://h/1/2", {"database"}},
        Bad{"redis://h/2147483648", {"database"}}, Bad{"redis://h#f", {"fragment"}},
        Bad{"redis://h?", {"option", "name=value"}}, Bad{"redis://h?a", {"option"}},
        Bad{"redis://h?=1", {"option"}}, Bad{"redis://h?a=1&&b=2", {"option"}},
        Bad{"redis://h?a=1&a=2", {"twice", "'a'"}}, Bad{"redis://h?a=1&%61=2", {"twice", "'a'"}},
        Bad{"redis://h?a=%4", {"option 'a'", "escape", "two hex digits"}},
        Bad{"redis://h?a=%zz", {"option 'a'", "escape"}}, Bad{"redis://h?a=%", {"escape"}},
        Bad{"redis://h?a=%00", {"option 'a'", "NUL"}}, Bad{"redis://u%0:p@h", {"user", "escape"}},
        Bad{"redis://u%00:p@h", {"user", "NUL"}}, Bad{"redis+unix://", {"path is empty"}},
        Bad{"redis+unix:///", {"path is empty"}}, Bad{"redis+unix://h/s", {"host"}},
        Bad{"redis+unix:///s%00", {"path", "NUL"}}, Bad{"redis+unix:///s%1", {"path", "escape"}},
        Bad{"redis+sentinel://", {"host is empty"}}, Bad{"redis+sentinel:///m", {"host is empty"}},
        Bad{"redis+sentinel://a,,b/m", {"host is empty"}},
        Bad{"redis+sentinel://a,/m", {"host is empty"}},
        Bad{"redis+sentinel://a,b,a/m", {"host is given twice", "each host and port once"}},
        Bad{"redis+sentinel://a,a:26379/m", {"host is given twice"}},
        Bad{"redis+sentinel://a:0/m", {"port", "1 to 65535"}},
        Bad{"redis+sentinel://a", {"no master's name", "/name/db"}},
        Bad{"redis+sentinel://a/", {"no master's name"}},
        Bad{"redis+sentinel://a//0", {"no master's name"}},
        Bad{"redis+sentinel://a/m%20m", {"master's name has a wrong byte"}},
        Bad{"redis+sentinel://a/m/x", {"database"}}, Bad{"redis+sentinel://a/m/0/1", {"database"}},
        Bad{"redis+sentinels://a/m", {"scheme", "redis+sentinel://"}}, Bad{"redis://a,b", {"host"}},
        Bad{"redis+unix:///s?db=x", {"database"}},
        Bad{"redis+unix:///s?db=1&db=1", {"twice", "'db'"}}));

// Wrong in a part next to the password, or torn apart by a byte of it that was not escaped.
TEST(Url, NoErrorTellsAPieceOfThePassword) {
    for (const std::string text : {"redis://app:sesame%zz@h",
                                   "redis://app:sesame%00@h",
                                   "redis://app:sesame@",
                                   "redis://app:sesame@h:0",
                                   "redis://app:sesame@h/x",
                                   "redis://app:sesame@h?x",
                                   "redis://app:sesame/open@h",
                                   "redis://:sesame?open@h",
                                   "redis://:sesame#open@h",
                                   "redis://app:pa@h:sesame/open@h",
                                   "redis://app:pa@h/sesame@h",
                                   "redis://:p@h?sesame@h",
                                   "redis+unix://:sesame/x@/s?db=x",
                                   "rediss://app:sesame@h:0",
                                   "http://app:sesame@h",
                                   "app:sesame@h",
                                   "redis://[:sesame/]@h",
                                   "redis://app:sesame/0",
                                   "redis://:sesameh:6379",
                                   "redis://app:sesame",
                                   "redis://[sesame",
                                   "redis://[::1]sesame",
                                   "redis://[sesame]",
                                   "redis://sesame%zz@h",
                                   "redis://sesame!h",
                                   "redis://h/sesame",
                                   "redis://h?sesame",
                                   "redis://h?sesame%zz=1",
                                   "redis://h?pass:sesame=1&pass:sesame=1",
                                   ":sesame@redis://h",
                                   "redis+unix://sesame/run/s",
                                   "redis+unix:///run/sesame%zz",
                                   "redis+sentinel://app:sesame@h,h/m",
                                   "redis+sentinel://app:sesame@h",
                                   "redis+sentinel://h/sesame%20",
                                   "redis+sentinel://h,sesame!/m",
                                   "redis+unix:///s?db=sesame"}) {
        EXPECT_EQ(error_of(text).find("sesame"), std::string::npos) << error_of(text);
    }
}

TEST(Url, MaskedShowsWhereAndWhoButNoSecret) {
    EXPECT_EQ(masked(parse_url("redis://h")), "redis://h:6379/0");
    EXPECT_EQ(masked(parse_url("redis://app:sesame@[::1]:7/3?a=sesame")),
              "redis://app:***@[::1]:7/3");
    EXPECT_EQ(masked(parse_url("redis://:sesame@h")), "redis://:***@h:6379/0");
    EXPECT_EQ(masked(parse_url("redis://a%0Ab:x@h")), "redis://a%0Ab:***@h:6379/0");
    EXPECT_EQ(masked(parse_url("redis://sesame@h")), "redis://***@h:6379/0")
        << "a user alone was meant as the password";
    EXPECT_EQ(masked(parse_url("rediss://:sesame@h")), "rediss://:***@h:6379/0");
    EXPECT_EQ(
        masked(parse_url("rediss+sentinel://a:sesame@[::1],h:7/m/2?sentinel_password=sesame")),
        "rediss+sentinel://a:***@[::1]:26379,h:7/m/2");
    EXPECT_EQ(masked(parse_url("redis+unix://:sesame@/run/a%20b.sock?db=2")),
              "redis+unix://:***@/run/a%20b.sock?db=2");
}

TEST(Url, OfAClusterHasSomeOfItsNodes) {
    const Url url = parse_url("redis+cluster://app:secret@h1,h2:7001,[::1]:7002?a=b");
    EXPECT_TRUE(url.cluster);
    EXPECT_FALSE(url.tls);
    const std::vector<HostPort> hosts{{"h1", 6379}, {"h2", 7001}, {"::1", 7002}};
    EXPECT_EQ(url.hosts, hosts);
    EXPECT_EQ(url.username, "app");
    EXPECT_EQ(url.password, "secret");
    EXPECT_EQ(url.options.size(), 1U);
    EXPECT_EQ(masked(url), "redis+cluster://app:***@h1:6379,h2:7001,[::1]:7002");
    EXPECT_TRUE(parse_url("rediss+cluster://h/0").tls);
    EXPECT_EQ(parse_url("rediss+cluster://h/").hosts.size(), 1U);
    EXPECT_FALSE(parse_url("redis://h").cluster);
}

TEST(Url, OfAClusterIsRefusedWithPartAndWhatIsAllowed) {
    const std::vector<std::pair<std::string, std::string>> wrong{
        {"redis+cluster://", "host is empty"},
        {"redis+cluster://h,", "host is empty"},
        {"redis+cluster://,h", "host is empty"},
        {"redis+cluster://h,h", "given twice"},
        {"redis+cluster://h,h:6379", "given twice"},
        {"redis+cluster://h:0", "port is wrong"},
        {"redis+cluster://h/1", "database is wrong"},
        {"redis+cluster://h/name", "database"},
        {"redis+clusters://h", "scheme"},
        {"redis://h,i", "host has a byte"}};
    for (const auto& [text, part] : wrong) {
        EXPECT_NE(error_of(text).find(part), std::string::npos) << text << ": " << error_of(text);
    }
}

TEST(Duration, HasDigitsAndAUnit) {
    EXPECT_EQ(parse_duration("0ms"), 0ms);
    EXPECT_EQ(parse_duration("20us"), 20us);
    EXPECT_EQ(parse_duration("250ms"), 250ms);
    EXPECT_EQ(parse_duration("2s"), 2s);
    EXPECT_EQ(parse_duration("1m"), 1min);
    EXPECT_EQ(parse_duration("2h"), 2h);
    EXPECT_EQ(parse_duration("9223372036854775807us"), std::chrono::microseconds::max());
}

TEST(Duration, AnythingElseIsNone) {
    for (const std::string text :
         {"", "2", "s", "ms", "-2s", "+2s", " 2s", "2s ", "2 s", "1.5s", "2S", "2min", "2d", "0x2s",
          "9223372036854775808us", "9223372036854776ms", "9223372036854775807h",
          "99999999999999999999ms"}) {
        EXPECT_EQ(parse_duration(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace leaselock::wire

// Goal: a URL of a cluster means what it says, what is wrong with it is said without a secret, and
// no two keys have one name at the cluster. Method: settings_of() and lock_name(), without I/O.
#include <gtest/gtest.h>
#include <set>
#include <string>

#include <leaselock/error.hpp>
#include <leaselock/hazelcast.hpp>

#include "hazelcast/options.hpp"

namespace leaselock::hazelcast {
namespace {

using namespace std::chrono_literals;

Settings settings(std::string url) { return settings_of({.url = std::move(url)}); }

TEST(HazelcastOptions, UrlNamesMembersClusterAndGroup) {
    const Settings all = settings(
        "hazelcast://me:p%40ss@h1:5801,h2,[::1]:5901/my-cluster/my-group?connect_timeout=3s"
        "&command_timeout=250ms&max_in_flight=7");
    const std::vector<MemberAddress> members{{"h1", 5801}, {"h2", 5701}, {"::1", 5901}};
    EXPECT_EQ(all.members, members);
    EXPECT_EQ(all.cluster, "my-cluster");
    EXPECT_EQ(all.group, "my-group");
    EXPECT_EQ(all.username, "me");
    EXPECT_EQ(all.password, "p@ss");
    EXPECT_EQ(all.connect_timeout, 3s);
    EXPECT_EQ(all.command_timeout, 250ms);
    EXPECT_EQ(all.max_in_flight, 7U);
    EXPECT_EQ(all.name, "hazelcast://***@h1:5801,h2:5701,[::1]:5901/my-cluster/my-group");

    for (const char* brief : {"hazelcast://h", "hazelcast://h/", "hazelcast://h//"}) {
        const Settings defaults = settings(brief);
        EXPECT_EQ(defaults.cluster, "dev") << brief;
        EXPECT_EQ(defaults.group, "default") << brief;
        EXPECT_EQ(defaults.command_timeout, 5s) << brief;
    }
}

TEST(HazelcastOptions, MemberHasTheAddressByWhichItIsReached) {
    const Settings all =
        settings("hazelcast://h?member_addresses=10.0.0.1%3A5701=hz1:7001,[::1]:5702=hz2");
    using Pairs = std::vector<std::pair<MemberAddress, MemberAddress>>;
    EXPECT_EQ(all.addresses,
              (Pairs{{{"10.0.0.1", 5701}, {"hz1", 7001}}, {{"::1", 5702}, {"hz2", 5701}}}));
    EXPECT_EQ(all.tls, nullptr);
    const Settings fields = settings_of(
        {.url = "hazelcast://h?member_addresses=a=b", .member_addresses = {{"c", "d"}}});
    EXPECT_EQ(fields.addresses, (Pairs{{{"c", 5701}, {"d", 5701}}})) << "the field goes before";
}

TEST(HazelcastOptions, FieldsGoBeforeTheUrl) {
    const Settings both = settings_of({.url = "hazelcast://a:b@h/c?command_timeout=1s",
                                       .username = "other",
                                       .password = "secret",
                                       .command_timeout = 2s});
    EXPECT_EQ(both.username, "other");
    EXPECT_EQ(both.password, "secret");
    EXPECT_EQ(both.command_timeout, 2s);
}

TEST(HazelcastOptions, WrongUrlIsRefusedWithoutItsSecrets) {
    for (const char* url : {"redis://h",
                            "hazelcast:h",
                            "hazelcast://",
                            "hazelcast://h:0",
                            "hazelcast://h:99999",
                            "hazelcast://h:x",
                            "hazelcast://h,,i",
                            "hazelcast://a:secret@h1:1:2/c",
                            "hazelcast://a:sec/ret@h/c",
                            "hazelcast://a:secret#@h/c",
                            "hazelcast://[::1",
                            "hazelcast://h/%zz",
                            "hazelcast://h/%00",
                            "hazelcast://h/c%ff",
                            "hazelcast://h/c/g@x",
                            "hazelcast://h/c/g/x",
                            "hazelcast://h?secret=1",
                            "hazelcast://h?connect_timeout",
                            "hazelcast://h?connect_timeout=secret",
                            "hazelcast://h?max_in_flight=0",
                            "hazelcast://h?member_addresses=secret",
                            "hazelcast://h?member_addresses=a:1=b:1,a:1=c:1",
                            "hazelcasts://h?verify=secret",
                            "hazelcasts://h?ca_file=",
                            "hazelcasts:/h",
                            "hazelcastss://h",
                            "hazelcast://h?connect_timeout=1s&connect_timeout=1s"}) {
        try {
            (void)settings(url);
            ADD_FAILURE() << url;
        } catch (const LockError& error) {
            EXPECT_EQ(error.code(), Errc::invalid_url) << url;
            EXPECT_EQ(std::string{error.what()}.find("sec"), std::string::npos) << error.what();
        }
    }
}

TEST(HazelcastOptions, ValuesOutOfRangeAreRefused) {
    const auto refused = [](const HazelcastOptions& options) {
        std::error_code ec;
        EXPECT_EQ(make_hazelcast_backend(options, ec), nullptr);
        return ec == Errc::invalid_option;
    };
    EXPECT_TRUE(refused({.connect_timeout = 0ms}));
    EXPECT_TRUE(refused({.command_timeout = 2h}));
    EXPECT_TRUE(refused({.max_in_flight = 0}));
    EXPECT_TRUE(refused({.max_in_flight = 1'000'001}));
    EXPECT_TRUE(refused({.member_addresses = {{"a:1", "b:1:2"}}}));
    EXPECT_TRUE(refused({.clock = nullptr}));
    // What is said of TLS is never left aside.
    EXPECT_TRUE(refused({.tls = {.verify = true}}));
    EXPECT_TRUE(refused({.url = "hazelcast://h?ca_file=ca.pem"}));
    std::error_code ec;
    EXPECT_EQ(connect("hazelcast://h:0", {}, ec), std::nullopt);
    EXPECT_EQ(ec, Errc::invalid_url);
    EXPECT_NE(connect("hazelcast://h", {}, ec), std::nullopt);
}

TEST(HazelcastOptions, KeysThatAreTextKeepTheirName) {
    for (const char* key : {"order-7", "Schlüssel-鍵-🔑", "with space", ""}) {
        EXPECT_EQ(lock_name(key), key);
    }
}

TEST(HazelcastOptions, NoTwoKeysHaveOneName) {
    std::set<std::string> names;
    std::size_t keys = 0;
    const auto add = [&](const std::string& key) {
        ++keys;
        names.insert(lock_name(key));
    };
    for (int first = 1; first < 256; ++first) {
        add({static_cast<char>(first)});
        for (int second = 1; second < 256; ++second) {
            add({static_cast<char>(first), static_cast<char>(second)});
        }
    }
    add("\xEF\x9C\x80");  // U+F700 itself, which stands for the byte 0
    add(lock_name("\xEF\x9C\x80"));
    add(lock_name("\xFF"));
    EXPECT_EQ(names.size(), keys);
    EXPECT_EQ(lock_name("\xFF"), "\xEF\x9F\xBF");
}

}  // namespace
}  // namespace leaselock::hazelcast

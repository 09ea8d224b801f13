// Goal: the names under which EVALSHA asks for our scripts are those that Redis gives them. If one
// were wrong, everything would still work, by EVAL, and each command would carry its script.
// Method: a real server loads each embedded text and answers with its own SHA1.
#include "redis_scripts.hpp"

#include <gtest/gtest.h>
#include <string>
#include <string_view>

#include "support/redis_server.hpp"

namespace {

namespace scripts = leaselock::redis::scripts;

TEST(RedisScripts, AreKnownToTheServerByTheirEmbeddedSha1) {
    leaselock::support::RedisServer server;
    const auto load = [&](std::string_view text) {
        return server.cli("SCRIPT", "LOAD", std::string(text));
    };
    EXPECT_EQ(load(scripts::acquire_text), scripts::acquire_sha1);
    EXPECT_EQ(load(scripts::inspect_text), scripts::inspect_sha1);
    EXPECT_EQ(load(scripts::release_text), scripts::release_sha1);
    EXPECT_EQ(load(scripts::release_lock_alone_text), scripts::release_lock_alone_sha1);
    EXPECT_EQ(load(scripts::release_uncontended_text), scripts::release_uncontended_sha1);
    EXPECT_EQ(load(scripts::renew_text), scripts::renew_sha1);
}

TEST(RedisScripts, AreEmbeddedWithoutTheirComments) {
    for (const std::string_view text : {scripts::acquire_text, scripts::inspect_text,
                                        scripts::release_text, scripts::renew_text}) {
        EXPECT_EQ(text.find("--"), std::string_view::npos) << text;
        EXPECT_EQ(text.find("\n\n"), std::string_view::npos) << text;
    }
}

}  // namespace

// Goal: no message has a piece of a password, whatever a server says to the login and however a URL
// is mistyped. Method: a peer that repeats the password, whole, cut or padded; URLs with one sign
// too few or too many; each piece of four bytes is looked for.
#include <fmt/core.h>
#include <string>
#include <vector>

#include "fault/fault_fixture.hpp"
#include "support/scripted_peer.hpp"

namespace leaselock {
namespace {

using namespace support;

const std::string password = "Zq7xWv3kTj9m";

void expect_no_piece(const std::string& text, const std::string& where) {
    for (std::size_t i = 0; i + 4 <= password.size(); ++i) {
        EXPECT_EQ(text.find(password.substr(i, 4)), std::string::npos) << where << ": " << text;
    }
}

TEST(Passwords, ServerThatRepeatsThemIsNotShownDoingSo) {
    const std::string half = password.substr(0, password.size() - 2);
    for (const std::string& words :
         {"-ERR bad AUTH: " + password, "-ERR bad AUTH: " + half + "... (truncated)",
          "-ERR " + std::string(190, 'x') + password, '-' + password,
          fmt::format("-{} {}", half, password),
          "-ERR unknown command 'AUTH', with args beginning with: 'u' '" + half + '\'',
          "-WRONGPASS " + password, "-NOAUTH " + password, "-NOPERM " + password}) {
        ScriptedPeer peer;
        peer.on_command(
            [&](const ScriptedPeer::Command&) { return Answer::reply(words + "\r\n"); });
        LockManager locks = manager_on(
            make_redis_backend({.url = peer.url(), .username = "locker", .password = password}));
        std::string said;
        try {
            (void)locks.acquire("key");
        } catch (const LockError& error) {
            said = error.what();
        }
        EXPECT_NE(said.find("refused the login"), std::string::npos) << said;
        expect_no_piece(said, words);
        try {
            for (const Finding& finding : locks.check()) expect_no_piece(finding.found, words);
        } catch (const LockError& error) {
            expect_no_piece(error.what(), words);
        }
    }
}

TEST(Passwords, MistypedUrlIsNotShownWithThem) {
    for (const std::string& url :
         {"redis://:" + password + "127.0.0.1:6379", "redis://app:" + password,
          "redis//:" + password, "redis:/:" + password + "@h", "redis://app:" + password + "/0",
          "redis://[" + password, "redis://h/" + password, "redis://h?" + password,
          "redis://h?password=" + password, "redis://h?connect_timeout=" + password,
          "redis://h?verify=" + password, "redis://app:" + password + "%zz@h",
          "redis://" + password + "%zz@h", ":" + password, password + "@redis://h",
          "redis://h#" + password, "redis://:" + password + "?@h",
          "redis+unix://" + password + "/s", "http://:" + password + "@h"}) {
        try {
            (void)connect(url);
            FAIL() << "was taken: " << url;
        } catch (const LockError& error) {
            EXPECT_EQ(error.code(), Errc::invalid_url) << url;
            expect_no_piece(error.what(), url);
        }
    }
}

// A password where the user stands is what people write who know that Redis had no users once.
TEST(Passwords, UserAloneIsTakenForOneInMessages) {
    RedisServer server;
    server.cli("CONFIG", "SET", "requirepass", password);
    LockManager locks =
        connect("redis://" + password + "@127.0.0.1:" + std::to_string(server.port()));
    try {
        (void)locks.acquire("key");
        FAIL() << "no password was given";
    } catch (const LockError& error) {
        EXPECT_EQ(error.code(), Errc::authentication_failed);
        expect_no_piece(error.what(), "as the user");
    }
}

}  // namespace
}  // namespace leaselock

// Goal: no message has a piece of a password, whatever a server says to the login and however a URL
// is mistyped. Method: a peer that repeats the password, whole, cut or padded; URLs with one sign
// too few or too many; each piece of four bytes is looked for.
#include <fmt/format.h>
#include <string>
#include <vector>

#include "fault/fault_fixture.hpp"
#include "support/patient.hpp"
#include "support/scripted_peer.hpp"

namespace leaselock {
namespace {

using namespace support;

const std::string secret = "Zq7xWv3kTj9m";

void expect_no_piece(const std::string& text, const std::string& where) {
    for (std::size_t i = 0; i + 4 <= secret.size(); ++i) {
        EXPECT_EQ(text.find(secret.substr(i, 4)), std::string::npos) << where << ": " << text;
    }
}

TEST(Passwords, ServerThatRepeatsThemIsNotShownDoingSo) {
    const std::string half = secret.substr(0, secret.size() - 2);
    for (const std::string& words :
         {"-ERR bad AUTH: " + secret, "-ERR bad AUTH: " + half + "... (truncated)",
          "-ERR " + std::string(190, 'x') + secret, '-' + secret,
          fmt::format("-{} {}", half, secret),
          "-ERR unknown command 'AUTH', with args beginning with: 'u' '" + half + '\'',
          "-WRONGPASS " + secret, "-NOAUTH " + secret, "-NOPERM " + secret}) {
        ScriptedPeer peer;
        peer.on_command(
            [&](const ScriptedPeer::Command&) { return Answer::reply(words + "\r\n"); });
        LockManager locks = manager_on(make_redis_backend(
            {.url = patient(peer.url()), .username = "locker", .password = secret}));
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
         {"redis://:" + secret + "127.0.0.1:6379", "redis://app:" + secret, "redis//:" + secret,
          "redis:/:" + secret + "@h", "redis://app:" + secret + "/0", "redis://[" + secret,
          "redis://h/" + secret, "redis://h?" + secret, "redis://h?password=" + secret,
          "redis://h?connect_timeout=" + secret, "redis://h?verify=" + secret,
          "redis://app:" + secret + "%zz@h", "redis://" + secret + "%zz@h", ":" + secret,
          secret + "@redis://h", "redis://h#" + secret, "redis://:" + secret + "?@h",
          "redis+unix://" + secret + "/s", "http://:" + secret + "@h"}) {
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
    server.cli("CONFIG", "SET", "requirepass", secret);
    LockManager locks =
        connect(patient("redis://" + secret + "@127.0.0.1:" + std::to_string(server.port())));
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

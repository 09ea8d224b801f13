// Goal: whatever a server says, or something that is none, an acquire ends in time in the family
// that fits, its message is short and clean, and the same manager works with an honest server
// afterwards, with nothing leaked. Method: a peer that lies once in a row of ways.
#include <fmt/format.h>
#include <string>
#include <utility>
#include <vector>

#include "fault/fault_fixture.hpp"
#include "fault/lock_peer.hpp"

namespace leaselock {
namespace {

using namespace support;

class Lies : public ::testing::Test {
  protected:
    void SetUp() override {
        expect_works(locks_);
        descriptors_ = count_descriptors();
    }
    // One connection is the callers', and one that of the releases that are owed: it has two ends
    // here.
    void TearDown() override {
        expect_works(locks_);
        EXPECT_TRUE(poll_until([&] { return peer_.peer().open_connections() <= 2; }));
        EXPECT_TRUE(poll_until([&] { return count_descriptors() <= descriptors_ + 2; }));
    }
    // What an acquire says that gets this answer; its code in `error`.
    std::string told(const std::string& answer, Errc& error) {
        // A release that an earlier lie left owed may come at any time.
        peer_.on_call([answer, is_told = false](const support::Heard& call) mutable {
            if (call.verb != Verb::acquire || std::exchange(is_told, true)) return yes(call);
            return Answer::reply(answer);
        });
        try {
            (void)locks_.acquire("key");
            error = Errc{};
            return "no exception";
        } catch (const LockError& thrown) {
            error = static_cast<Errc>(thrown.code().value());
            return thrown.what();
        }
    }
    void expect_told(const std::string& answer, Errc expected) {
        Errc error{};
        std::string text;
        const auto took = time_of([&] { text = told(answer, error); });
        EXPECT_EQ(error, expected) << answer.substr(0, 60) << ": " << text;
        EXPECT_EQ(family(error), Family::unknown);
        EXPECT_LT(took, 2 * timeout_ * patience);
        expect_works(locks_);
    }

    // For megabytes, which take a busy machine longer than that.
    void wait_longer() {
        timeout_ = 10 * short_timeout;
        locks_ = manager_on(peer_.peer().url(), timeout_);
        expect_works(locks_);
    }

    LockPeer peer_;
    std::chrono::milliseconds timeout_ = short_timeout;
    LockManager locks_ = manager_on(peer_.peer().url(), timeout_);
    std::ptrdiff_t descriptors_ = 0;
};

std::string repeated(const std::string& text, std::size_t times) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i) all += text;
    return all;
}

TEST_F(Lies, Row10GarbageIsAProtocolError) {
    using namespace std::string_literals;
    for (const std::string& answer :
         {"HTTP/1.1 400 Bad Request\r\n\r\n"s, "\r\n"s, "\0\0\0\0"s, "\x80\xff\xfe"s, "?"s,
          ":12x\r\n"s, "$-5\r\n"s, "$3\r\nabcdef\r\n"s, "*-9\r\n"s, "*2\r\n:1\r\n!\r\n"s}) {
        expect_told(answer, Errc::protocol_error);
    }
}

TEST_F(Lies, Row10AnswerThatIsNoneOfTheScriptsIsAProtocolError) {
    for (const std::string answer :
         {"+OK\r\n", ":0\r\n", ":1\r\n", ":-9223372036854775808\r\n", "$-1\r\n", "*-1\r\n",
          "*0\r\n", "$2\r\nOK\r\n", "*1\r\n:1\r\n", "*3\r\n:1\r\n:1\r\n:-1\r\n",
          "*3\r\n:1\r\n:1\r\n:9007199254740992\r\n", "*3\r\n:1\r\n$1\r\n1\r\n:1\r\n",
          "*2\r\n:7\r\n:7\r\n", "*1\r\n*1\r\n*1\r\n:1\r\n"}) {
        expect_told(answer, Errc::protocol_error);
    }
}

// The caller does not wait, so there is no waiter for whom the entry could be.
TEST_F(Lies, Row10EntryForACallerThatAskedForNoneIsAProtocolError) {
    for (const std::string holder :
         {"$37\r\nhost/0123456789abcdef0123456789abcdef\r\n:5000", "$-1\r\n:0"}) {
        for (const std::string entry : {"1", "2"}) {
            expect_told(fmt::format("*6\r\n:0\r\n:{}\r\n{}\r\n:5\r\n:{}\r\n", wall_clock_us(),
                                    holder, entry),
                        Errc::protocol_error);
        }
    }
}

// A caller that got the answer to something else is followed by others who would.
TEST_F(Lies, Row10ConnectionIsNotUsedAfterAnAnswerToSomethingElse) {
    const std::size_t before = peer_.peer().connections();
    expect_told(":1\r\n", Errc::protocol_error);
    EXPECT_GT(peer_.peer().connections(), before);
}

// Nothing more comes than the announcement, so only the time tells.
TEST_F(Lies, Row10HugeAnnouncementIsWaitedForUntilTheTimeOut) {
    for (const std::string announced :
         {"$2147483647\r\n", "$2147483647\r\nabc", "$536870912\r\n"}) {
        expect_told(announced, Errc::command_timed_out);
    }
}

TEST_F(Lies, Row10HugeAnswerIsCutOffAtTheBound) {
    wait_longer();
    const std::string much(std::size_t{10} << 20, 'x');
    expect_told("$2147483647\r\n" + much, Errc::protocol_error);
    expect_told("$" + std::to_string(much.size()) + "\r\n" + much + "\r\n", Errc::protocol_error);
    expect_told("+" + much + "\r\n", Errc::protocol_error);
}

TEST_F(Lies, Row10HugeArraysAndDeepNestingAreProtocolErrors) {
    for (const std::string& answer :
         {std::string("*2147483647\r\n"), std::string("*3\r\n:1\r\n*2147483647\r\n"),
          repeated("*1\r\n", 100'000) + ":1\r\n", repeated("*4000\r\n", 100)}) {
        expect_told(answer, Errc::protocol_error);
    }
}

TEST_F(Lies, Row11ErrorTextOfTenMegabytesIsAProtocolError) {
    wait_longer();
    expect_told("-ERR " + std::string(std::size_t{10} << 20, 'x') + "\r\n", Errc::protocol_error);
}

TEST_F(Lies, Row11LongErrorTextIsCutShort) {
    Errc error{};
    const std::string text = told("-ERR " + std::string(500'000, 'x') + "\r\n", error);
    EXPECT_EQ(error, Errc::unexpected_reply);
    EXPECT_NE(text.find("ERR xxx"), std::string::npos);
    EXPECT_LT(text.size(), 500U);
}

// It could forge a line of a log, or paint a terminal.
TEST_F(Lies, Row11ControlCharactersOfAnErrorAreEscaped) {
    Errc error{};
    const std::string text = told("-ERR a\nb\rc\x1b[31md\x07\x7f e\x01\r\n", error);
    EXPECT_EQ(error, Errc::unexpected_reply);
    EXPECT_NE(text.find("ERR a\\x0ab\\x0dc\\x1b[31md\\x07\\x7f e\\x01"), std::string::npos) << text;
    for (const char c : text) {
        EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) << text;
    }
}

TEST_F(Lies, Row11ArgumentsThatAnErrorRepeatsAreNotTold) {
    Errc error{};
    const std::string text = told(
        "-ERR unknown command 'EVALSHA', with args beginning with: "
        "'sesame' 'me/0123456789abcdef' \r\n",
        error);
    EXPECT_EQ(error, Errc::not_supported);
    EXPECT_NE(text.find("ERR unknown command 'EVALSHA'"), std::string::npos) << text;
    EXPECT_EQ(text.find("sesame"), std::string::npos) << text;
    EXPECT_EQ(text.find("me/"), std::string::npos) << text;
}

}  // namespace
}  // namespace leaselock

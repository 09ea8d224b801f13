// Goal: each request becomes the command that its script expects, and each answer, right or wrong,
// gets its meaning: nothing that cannot be read passes for a grant, and no error of a server passes
// for harmless that may have done something. Method: answers as bytes through the real parser.
#include <gtest/gtest.h>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "redis/codec.hpp"
#include "redis_scripts.hpp"
#include "wire/parser.hpp"

namespace leaselock::redis {
namespace {

using namespace std::chrono_literals;

wire::RespValue parsed(const std::string& bytes) {
    wire::Parser parser;
    parser.feed(bytes);
    wire::RespValue reply;
    EXPECT_EQ(parser.next(reply), wire::Parser::Result::reply) << bytes;
    return reply;
}

std::string bulk(const std::string& text) {
    return '$' + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}
std::string integer(std::int64_t n) { return ':' + std::to_string(n) + "\r\n"; }
template <typename... Elements>
std::string array(const Elements&... elements) {
    return '*' + std::to_string(sizeof...(elements)) + "\r\n" + (elements + ... + std::string{});
}

struct Decoded {
    Reply reply;
    std::int64_t server_time = 0;
};
Decoded decoded(const Request& request, const std::string& bytes) {
    Decoded result;
    result.server_time = decode(request, "channel", parsed(bytes), result.reply);
    return result;
}
Decoded decoded(Verb verb, const std::string& bytes) { return decoded({.verb = verb}, bytes); }
void expect_failed(const Request& request, const std::string& bytes, Errc error) {
    const Reply reply = decoded(request, bytes).reply;
    EXPECT_EQ(reply.outcome, Outcome::failed) << bytes;
    EXPECT_EQ(reply.error, error) << bytes << reply.detail;
    EXPECT_FALSE(reply.detail.empty()) << bytes;
}

void expect_failed(Verb verb, const std::string& bytes, Errc error) {
    expect_failed({.verb = verb}, bytes, error);
}

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): never deleted as a Listener
class Nobody final : public Listener {
  public:
    using Listener::Listener;
    WakeUp handed_over(const HandOff&) noexcept override { return {}; }
    WakeUp poll() noexcept override { return {}; }
};
Nobody waiter{"key", "a/b"};
const Request waiting{.verb = Verb::acquire, .token = "a/b", .listener = &waiter};

const std::string now = integer(1'700'000'000'000'000);

std::string held(const std::string& holder, const std::string& pttl, const std::string& fence,
                 const std::string& entry) {
    return array(integer(0), now, holder, pttl, fence, entry);
}

TEST(RedisCodec, GrantCarriesFenceAndServerTime) {
    const auto [reply, server_time] =
        decoded(Verb::acquire, array(integer(1), now, integer(1'700'000'000'000'001)));
    EXPECT_EQ(reply.outcome, Outcome::granted);
    EXPECT_EQ(reply.fencing_token, 1'700'000'000'000'001U);
    EXPECT_EQ(server_time, 1'700'000'000'000'000);
}

TEST(RedisCodec, PlainNumberIsAGrantWhoseFenceIsTheServerTime) {
    const auto [reply, server_time] = decoded(Verb::acquire, now);
    EXPECT_EQ(reply.outcome, Outcome::granted);
    EXPECT_EQ(reply.fencing_token, 1'700'000'000'000'000U);
    EXPECT_EQ(server_time, 1'700'000'000'000'000);
    expect_failed(Verb::acquire, integer(0), Errc::protocol_error);
    expect_failed(Verb::acquire, integer(-1), Errc::protocol_error);
    expect_failed(Verb::inspect, integer(1), Errc::protocol_error);
}

TEST(RedisCodec, HeldCarriesHolderRemainingAndServerTime) {
    const auto [reply, server_time] =
        decoded(Verb::acquire, held(bulk("host:1/ab"), integer(1234), integer(7), integer(0)));
    EXPECT_EQ(reply.outcome, Outcome::held);
    EXPECT_EQ(reply.fencing_token, 1'700'000'000'000'000U) << "the time, if the counter is less";
    EXPECT_FALSE(reply.queued);
    EXPECT_FALSE(reply.first);
    EXPECT_FALSE(reply.told);
    EXPECT_EQ(reply.holder, "host:1/ab");
    EXPECT_EQ(reply.remaining, 1234ms);
    EXPECT_FALSE(reply.kept);
    EXPECT_EQ(server_time, 1'700'000'000'000'000);
}

TEST(RedisCodec, HeldTellsWhetherThereIsAnEntryAndWhetherItIsTheFirst) {
    for (const std::int64_t entry : {0, 1, 2}) {
        const Request request = entry == 0 ? Request{.verb = Verb::acquire} : waiting;
        const Reply reply =
            decoded(request, held(bulk("c/d"), integer(9), integer(0), integer(entry))).reply;
        EXPECT_EQ(reply.outcome, Outcome::held) << entry;
        EXPECT_EQ(reply.queued, entry > 0) << entry;
        EXPECT_EQ(reply.first, entry == 2) << entry;
    }
}

// So no message that was sent before it is believed, whatever the server's clock did.
TEST(RedisCodec, HeldTellsTheCounterWhereItIsAheadOfTheClock) {
    const auto decoded_held =
        decoded(Verb::acquire,
                held(bulk("host:1/ab"), integer(1234), integer(1'800'000'000'000'000), integer(0)));
    EXPECT_EQ(decoded_held.reply.fencing_token, 1'800'000'000'000'000U);
}

TEST(RedisCodec, FreeAndAnothersTurnIsHeldByNobody) {
    const Reply reply = decoded(waiting, held("$-1\r\n", integer(0), integer(7), integer(1))).reply;
    EXPECT_EQ(reply.outcome, Outcome::held);
    EXPECT_TRUE(reply.holder.empty());
    EXPECT_EQ(reply.remaining, 0ms);
    EXPECT_TRUE(reply.queued);
    EXPECT_EQ(reply.fencing_token, 1'700'000'000'000'000U) << "the time, if the counter is less";
}

TEST(RedisCodec, HandOffMessageIsTokenFenceAndTtl) {
    const auto message = decode_hand_off("host:1/ab|1700000000000001|2500");
    ASSERT_TRUE(message.has_value());
    EXPECT_EQ(message->tokens, "host:1/ab");
    EXPECT_EQ(message->what.fencing_token, 1'700'000'000'000'001U);
    EXPECT_EQ(message->what.ttl, 2500ms);
    for (const std::string_view wrong :
         {"", "a/b", "a/b|1", "a/b|1|", "a/b||1", "a/b|0|1", "a/b|1|0", "a/b|1|3001", "a/b|-1|1",
          "a/b|1|-1", "a/b|9007199254740992|1", "a/b,c/d|9007199254740991|1", "a/b|1|1|1",
          "a/b| 1|1", "a/b|1x|1", "a/b|1|1 "}) {
        EXPECT_FALSE(decode_hand_off(wrong).has_value()) << wrong;
    }
}

TEST(RedisCodec, HandOffMessageMayBeForSeveral) {
    const auto message = decode_hand_off("a/b,c/d,e/f|9007199254740989|2500");
    ASSERT_TRUE(message.has_value());
    EXPECT_EQ(message->tokens, "a/b,c/d,e/f");
    EXPECT_EQ(message->what.fencing_token, 9'007'199'254'740'989U) << "of the first one";
}

TEST(RedisCodec, KeptLockTellsItsLastHolder) {
    const Reply reply =
        decoded(Verb::acquire, held(bulk("kept:host:1/ab"), integer(5), integer(7), integer(0)))
            .reply;
    EXPECT_EQ(reply.outcome, Outcome::held);
    EXPECT_TRUE(reply.kept);
    EXPECT_EQ(reply.holder, "host:1/ab");
}

TEST(RedisCodec, StaleIsUnavailableAndBringsTheServerTime) {
    const auto [reply, server_time] = decoded(Verb::acquire, array(integer(-1), now));
    EXPECT_EQ(reply.outcome, Outcome::failed);
    EXPECT_EQ(reply.error, Errc::stale);
    EXPECT_EQ(server_time, 1'700'000'000'000'000);
}

TEST(RedisCodec, AnotherNumberOfSharesIsRefused) {
    const Request share{.verb = Verb::acquire, .claim = Claim::permits(1, 3)};
    const auto [reply, server_time] = decoded(share, array(integer(-2), now));
    EXPECT_EQ(reply.outcome, Outcome::failed);
    EXPECT_EQ(reply.error, Errc::conflicting_use);
    EXPECT_EQ(server_time, 1'700'000'000'000'000);
    expect_failed(share, array(integer(-2)), Errc::protocol_error);
    expect_failed(Verb::acquire, array(integer(-2), now), Errc::conflicting_use);
}

TEST(RedisCodec, RenewAndReleaseAnswerYesOrLost) {
    EXPECT_EQ(decoded(Verb::renew, integer(1)).reply.outcome, Outcome::renewed);
    EXPECT_EQ(decoded(Verb::renew, integer(0)).reply.outcome, Outcome::lost);
    EXPECT_EQ(decoded(Verb::release, integer(1)).reply.outcome, Outcome::released);
    EXPECT_EQ(decoded(Verb::release, integer(0)).reply.outcome, Outcome::lost);
}

TEST(RedisCodec, InspectTellsFreeAndHeld) {
    EXPECT_EQ(decoded(Verb::inspect, array(integer(0), integer(2))).reply.outcome, Outcome::free);
    EXPECT_EQ(decoded(Verb::inspect, array(integer(0), integer(2))).reply.waiting, 2);
    const Reply reply = decoded(Verb::inspect, array(integer(1), bulk("a/b"), integer(9),
                                                     integer(7), integer(3), integer(4)))
                            .reply;
    EXPECT_EQ(reply.waiting, 3);
    EXPECT_EQ(reply.shares, 4);
    EXPECT_EQ(reply.outcome, Outcome::held);
    EXPECT_EQ(reply.holder, "a/b");
    EXPECT_EQ(reply.remaining, 9ms);
    EXPECT_EQ(reply.fencing_token, 7U);
}

TEST(RedisCodec, KeyWithoutTtlIsCorrupt) {
    expect_failed(Verb::acquire, held(bulk("x"), integer(-1), integer(0), integer(0)),
                  Errc::corrupt);
    expect_failed(Verb::inspect,
                  array(integer(1), bulk("x"), integer(-1), integer(0), integer(0), integer(0)),
                  Errc::corrupt);
}

TEST(RedisCodec, AnswersThatNoScriptGivesAreProtocolErrors) {
    const std::string one = integer(1);
    const std::string nil = "$-1\r\n";
    const std::string too_large = integer(std::int64_t{1} << 53);
    for (const std::string& wrong : {integer(1),
                                     integer(1'000'000'000'000'000),
                                     nil,
                                     bulk("OK"),
                                     std::string{"+OK\r\n"},
                                     std::string{"*0\r\n"},
                                     std::string{"*-1\r\n"},
                                     array(integer(2), now),
                                     array(one, now),
                                     array(one, now, integer(5), integer(6)),
                                     array(one, now, bulk("5")),
                                     array(one, now, integer(0)),
                                     array(one, now, integer(-5)),
                                     array(one, now, too_large),
                                     array(one, bulk("time"), integer(5)),
                                     array(bulk("1"), now, integer(5)),
                                     held(nil, one, one, one),
                                     held(nil, bulk("0"), one, one),
                                     held(nil, integer(0), one, integer(2)),
                                     held(bulk("x"), bulk("5"), one, one),
                                     held(bulk("x"), one, nil, one),
                                     held(bulk("x"), one, too_large, one),
                                     held(bulk("x"), one, integer(-1), one),
                                     held(bulk("x"), one, one, nil),
                                     held(bulk("x"), one, one, integer(3)),
                                     held(bulk("x"), one, one, integer(-1)),
                                     held(bulk("x"), integer(-1), one, one),
                                     array(integer(0), now, bulk("x")),
                                     array(integer(0), now, bulk("x"), one),
                                     array(integer(0), now, bulk("x"), one, one),
                                     array(integer(0), now, bulk("x"), one, one, one, one),
                                     array(integer(-1)),
                                     array(integer(-1), now, now),
                                     array(array(one), now, integer(5))}) {
        expect_failed(Verb::acquire, wrong, Errc::protocol_error);
    }
    for (const std::string& wrong :
         {one, nil, array(one), array(integer(0)), array(integer(0), one, one),
          array(integer(0), integer(-1)), array(one, bulk("x"), one, one),
          array(one, nil, one, one, one, one), array(one, bulk("x"), one, nil, one, one),
          array(integer(2)), array(one, bulk("x"), one, too_large, one, one),
          array(one, bulk("x"), bulk("1"), one, one, one),
          array(one, bulk("x"), one, one, integer(-1), one),
          array(one, bulk("x"), one, one, one, nil)}) {
        expect_failed(Verb::inspect, wrong, Errc::protocol_error);
    }
    for (const Verb verb : {Verb::renew, Verb::release}) {
        for (const std::string& wrong : {integer(2), integer(-1), nil, bulk("1"), bulk("0"),
                                         std::string{"+OK\r\n"}, array(one), array()}) {
            expect_failed(verb, wrong, Errc::protocol_error);
        }
    }
}

// Each is the answer to something else, and may be believed of that alone.
TEST(RedisCodec, AnswersThatTheRequestCannotHaveAreProtocolErrors) {
    const std::string nil = "$-1\r\n";
    const std::string other = bulk("c/d");
    const Request brief{.verb = Verb::acquire, .token = "a/b"};
    for (const int entry : {1, 2}) {
        const std::string bytes = held(other, integer(9), integer(7), integer(entry));
        expect_failed(brief, bytes, Errc::protocol_error);
        EXPECT_FALSE(decoded(brief, bytes).reply.queued);
        EXPECT_EQ(decoded(waiting, bytes).reply.outcome, Outcome::held);
        // Nobody hears by no channel.
        Reply reply;
        decode(waiting, {}, parsed(bytes), reply);
        EXPECT_EQ(reply.error, Errc::protocol_error);
    }
    expect_failed(brief, held(nil, integer(0), integer(7), integer(1)), Errc::protocol_error);
    expect_failed(waiting, held(other, integer(9), integer(7), integer(0)), Errc::protocol_error);
    expect_failed(brief, held(bulk("a/b"), integer(9), integer(7), integer(0)),
                  Errc::protocol_error);

    const Request counts{.verb = Verb::acquire, .claim = Claim::count_down(2)};
    const Request awaits{.verb = Verb::acquire, .claim = Claim::await(2)};
    const std::string closed = held(bulk("latch:2"), integer(9), integer(7), integer(0));
    EXPECT_EQ(decoded(awaits, closed).reply.outcome, Outcome::held);
    expect_failed(counts, closed, Errc::protocol_error);
    expect_failed(counts, now, Errc::protocol_error);
    expect_failed(awaits, held(other, integer(9), integer(7), integer(0)), Errc::protocol_error);
    expect_failed(awaits, held(nil, integer(0), integer(7), integer(0)), Errc::protocol_error);

    const Request asks{.verb = Verb::release, .token = "a/b", .ask_time = true};
    EXPECT_EQ(decoded(asks, array(integer(1), now)).reply.outcome, Outcome::released);
    expect_failed(asks, integer(1), Errc::protocol_error);
    expect_failed(asks, array(integer(-2), now), Errc::protocol_error);
    expect_failed(Verb::release, array(integer(1), now), Errc::protocol_error);
    const Request resets{.verb = Verb::release, .token = "latch:2", .claim = Claim::await(2)};
    EXPECT_EQ(decoded(resets, array(integer(-2), now)).reply.error, Errc::conflicting_use);
    expect_failed(resets, array(integer(1), now), Errc::protocol_error);
}

// The texts are those of redis-server 7.0, and where they differ those of Redis 7.2 and Valkey 9.
TEST(RedisCodec, EachErrorOfAServerHasItsMeaning) {
    const std::string in_script = " script: 6f1ed002ab5595859014ebf0951522d9, on @user_script:9.";
    const std::vector<std::tuple<std::string, Errc>> meanings{
        {"READONLY You can't write against a read only replica." + in_script, Errc::read_only},
        {"LOADING Redis is loading the dataset in memory", Errc::loading},
        {"MASTERDOWN CommandChannel with MASTER is down and replica-serve-stale-data is set to "
         "'no'.",
         Errc::loading},
        {"OOM command not allowed when used memory > 'maxmemory'." + in_script,
         Errc::out_of_memory},
        {"NOREPLICAS Not enough good replicas to write.", Errc::not_enough_replicas},
        {"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
         Errc::busy},
        {"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist "
         "on disk.",
         Errc::misconfigured},
        {"ERR max number of clients reached", Errc::too_many_clients},
        {"ERR max number of clients + cluster connections reached", Errc::too_many_clients},
        {"CLUSTERDOWN Hash slot not served", Errc::cluster_down},
        {"TRYAGAIN Multiple keys request during rehashing of slot", Errc::cluster_down},
        {"MOVED 3999 127.0.0.1:6381", Errc::not_supported},
        {"ASK 3999 127.0.0.1:6381", Errc::not_supported},
        {"CROSSSLOT Keys in request don't hash to the same slot", Errc::not_supported},
        {"ERR unknown command 'EVALSHA', with args beginning with: 'ab' ", Errc::not_supported},
        {"NOAUTH Authentication required.", Errc::authentication_failed},
        {"WRONGPASS invalid username-password pair or user is disabled.",
         Errc::authentication_failed},
        {"NOPERM this user has no permissions to run the 'evalsha' command", Errc::access_denied},
        {"ERR The user executing the script can't run this command or subcommand" + in_script,
         Errc::access_denied},
        {"ERR The user executing the script can't access at least one of the keys" + in_script,
         Errc::access_denied},
        {"ERR ACL failure in script: User me has no permissions to run the 'hset' command" +
             in_script,
         Errc::access_denied},
        {"ERR ACL failure in script: No permissions to access a key script: on @user_script:1.",
         Errc::access_denied},
        {"NOPERM User me has no permissions to run the 'evalsha' command", Errc::access_denied},
        {"ERR Unknown Redis command called from script" + in_script, Errc::not_supported},
        {"ERR Unknown command called from script script: on @user_script:1.", Errc::not_supported},
        {"ERR unknown subcommand 'numsub'. Try PUBSUB HELP.", Errc::not_supported},
        {"WRONGTYPE Operation against a key holding the wrong kind of value" + in_script,
         Errc::corrupt},
        {"CORRUPT the fencing token of the key is not one", Errc::corrupt},
        {"UNKILLABLE Sorry the script already executed write commands", Errc::unexpected_reply},
        {"EXECABORT Transaction discarded because of previous errors.", Errc::unexpected_reply},
        {"ERR user_script:1: Script attempted to access nonexistent global variable",
         Errc::unexpected_reply},
        {"", Errc::unexpected_reply},
    };
    for (const auto& [text, error] : meanings) {
        EXPECT_EQ(classify(text), error) << text;
        for (const Verb verb : {Verb::acquire, Verb::renew, Verb::release, Verb::inspect}) {
            const Reply reply = decoded(verb, '-' + text + "\r\n").reply;
            EXPECT_EQ(reply.outcome, Outcome::failed) << text;
            EXPECT_EQ(reply.error, error) << text;
        }
    }
}

TEST(RedisCodec, OnlyNoscriptAsksForTheScript) {
    EXPECT_TRUE(wants_script(parsed("-NOSCRIPT No matching script. Please use EVAL.\r\n")));
    EXPECT_FALSE(wants_script(parsed("-ERR NOSCRIPT\r\n")));
    EXPECT_FALSE(wants_script(parsed("+NOSCRIPT\r\n")));
    EXPECT_FALSE(wants_script(parsed(bulk("NOSCRIPT"))));
}

TEST(RedisCodec, QuoteIsShortAndOfOneLine) {
    EXPECT_EQ(quote("LOADING a\r\nb\tc\x7f"), R"(LOADING a\x0d\x0ab\x09c\x7f)");
    EXPECT_EQ(quote(std::string(1000, 'x')), std::string(200, 'x'));
}

TEST(RedisCodec, QuoteLeavesOutTheArgumentsThatAServerRepeats) {
    EXPECT_EQ(quote("ERR unknown command 'EVALSHA', with args beginning with: 'sha' 'TOKEN'"),
              "ERR unknown command 'EVALSHA'");
}

}  // namespace
}  // namespace leaselock::redis

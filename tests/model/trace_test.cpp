// Goal: the scripts do what the model's store does, so what the model shows is true of them.
// Method: random commands run as scripts on a real server and as functions on the model's store,
// and each answer and each hand-off message is compared. The server's time is its own, so a tick is
// short and waited out at once, or there are so many that none of them passes. On one half of the
// keys everybody wants the whole, on the others each token wants what is chosen for it.
//
// The run is repeatable: LEASELOCK_TEST_SEED=n chooses it, and every failure names the seed.
#include <array>
#include <cstdlib>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "model/script_peer.hpp"
#include "model/share_scripts.hpp"
#include "redis_scripts.hpp"
#include "support/poll_until.hpp"
#include "support/redis_server.hpp"

namespace leaselock::model {
namespace {

namespace scripts = redis::scripts;
using namespace std::chrono_literals;

constexpr int tokens = 4;
constexpr Ticks brief = 1;
constexpr Ticks lengthy = 100;  // more than pass while one key is used
constexpr Ticks handed = 80;    // a hand-off's grant: so, too, for it is believed for seconds
constexpr auto tick = 10ms;
constexpr auto hour = 3'600'000ms;
// The shortest of the lives that must not end by themselves is the hand-off's.
constexpr auto patience = 2s;

// Behind the name of the key; nobody hears the first.
constexpr const char* channel_names[] = {"unheard", "here", "there"};

std::string milliseconds_of(Ticks length) {
    return std::to_string(length == 0 ? 0 : length == brief ? tick.count() : hour.count());
}

std::string token_text(Token token) {
    return std::string("tester:") + static_cast<char>('a' + token);
}

class TraceRun {
  public:
    TraceRun() : peer_{server_}, subscriber_{server_} {
        const char* const chosen = std::getenv("LEASELOCK_TEST_SEED");
        seed_ =
            chosen != nullptr ? static_cast<unsigned>(std::stoul(chosen)) : std::random_device{}();
        random_.seed(seed_);
    }

    void run(int keys) {
        SCOPED_TRACE("LEASELOCK_TEST_SEED=" + std::to_string(seed_));
        for (int key = 0; key < keys && !::testing::Test::HasFailure(); ++key) use_key(key);
    }

    // How often each kind of answer was compared, so that a test can tell that it met them all.
    [[nodiscard]] int seen(const std::string& what) const {
        const auto found = seen_.find(what);
        return found == seen_.end() ? 0 : found->second;
    }

  private:
    unsigned below(unsigned end) { return static_cast<unsigned>(random_()) % end; }
    Ticks length() { return below(less_[0] == whole ? 4 : 12) == 0 ? brief : lengthy; }

    void use_key(int number) {
        key_ = "trace:" + std::to_string(number);
        store_ = {};
        granted_ = last_told_ = 0;
        channels_.fill({});
        choose_shares(number % 2 == 1);
        subscriber_.send({"SUBSCRIBE", key_ + channel_names[1], key_ + channel_names[2]});
        for (int i = 0; i < 2; ++i) static_cast<void>(receive_about("subscribe"));
        started_ = boot_clock()->now();
        // So there is a row of them who wait for shares, as a rule.
        for (Token token = 0; token < tokens && less_[0] != whole; ++token) {
            acquire_once(token, lengthy);
        }
        for (int step = 0; step < 40 && !::testing::Test::HasFailure(); ++step) {
            SCOPED_TRACE("key " + key_ + ", step " + std::to_string(step));
            one_step();
            if (is_late()) return;
        }
    }

    // Most of those on one key want shares of one kind.
    void choose_shares(bool shares) {
        constexpr Share one_of_two{1, 2};
        constexpr Share both{2, 2};
        constexpr Share one_of_three{1, 3};
        const bool readers = below(2) == 0;
        for (Token token = 0; token < tokens; ++token) {
            const unsigned what = below(16);
            const Share kind = readers ? reader : what < 11 ? one_of_two : both;
            share_of_[token] = !shares || what < 1 || token == 0 ? whole
                               : what == 15                      ? one_of_three
                                                                 : kind;
            // What he asks for who has the whole and gives it up.
            less_[token] = share_of_[token] != whole ? share_of_[token] : shares ? kind : whole;
        }
    }

    // On a machine that stood still, what must not have ended may have.
    [[nodiscard]] bool is_late() const { return boot_clock()->now() >= started_ + patience; }

    void one_step() {
        const Token token = small(static_cast<int>(below(tokens)));
        const unsigned verb = below(8);
        const Ticks length = this->length();
        if (less_[0] != whole && store_.places > 1 && below(2) == 0) {
            // What several wait for is freed often, or given up in part.
            const Token holder = some_holder(token);
            below(3) != 0 ? release_once(holder, 0) : renew_once(holder, lengthy);
        } else if (verb < 4 && !keeps_share(token)) {
            acquire_once(token, length);
        } else if (verb == 4) {
            renew_once(token, length);
        } else if (verb > 4 && verb < 7) {
            // What is kept for long is of no use any more.
            const Ticks keep = less_[0] == whole || below(30) == 0 ? length : brief;
            release_once(below(2) == 0 ? token : some_holder(token),
                         below(3) == 0 ? keep : small(0));
        } else {
            inspect_once();
        }
        // A lock that was asked for briefly and lives longer must be there still, behind that.
        pass_tick(length == brief && holds(token));
    }

    Token some_holder(Token otherwise) {
        if (store_.holder != several) return is_token(store_.holder) ? store_.holder : otherwise;
        return store_.table[below(static_cast<unsigned>(store_.leases))].token;
    }
    [[nodiscard]] bool holds(Token token) const {
        return is_held_by(store_, token) || find_lease(store_, token) != nullptr;
    }
    // A token that was released is in no acquire any more, so it is never there twice.
    [[nodiscard]] bool keeps_share(Token token) const {
        return std::any_of(store_.table, store_.table + store_.leases, [&](const Lease& each) {
            return each.token == token && each.kept != 0;
        });
    }

    void acquire_once(Token token, Ticks length) {
        const Share share = share_of_[token];
        AcquireArguments what{.token = token,
                              .ttl = length,
                              .not_after = small(below(8) == 0 ? -1 : 1),
                              .place_life = 0,
                              .share = share,
                              .short_ttl = handed,
                              .deaf = deaf()};
        const std::string channel = channel_names[below(6) == 0 ? 0 : 1 + below(2)];
        // A hand-off lasts as long as its winner's own ttl, if that is less.
        if (below(4) != 0) {
            what.place_life = length;
            what.ttl = lengthy;
        }
        const wire::Reply reply = run_acquire(what, channel);
        const Fence before = store_.fence;
        const AcquireAnswer answer =
            share == whole ? acquire(store_, what) : share_acquire(store_, what);
        if (is_late()) return;
        switch (answer.what) {
            case AcquireAnswer::stale: return expect("stale", reply.at(0).integer() == -1);
            case AcquireAnswer::conflict: return expect("conflict", reply.at(0).integer() == -2);
            case AcquireAnswer::granted:
                compare_grant(reply, before);
                return compare_hand_off(answer.winners);
            case AcquireAnswer::held: break;
        }
        // His place has the channel.
        if (what.place_life > 0) channels_[token] = channel;
        compare_held(reply, what, answer);
    }

    wire::Reply run_acquire(const AcquireArguments& what, const std::string& channel) {
        std::vector<std::string> keys{key_, key_ + "f", key_ + "q", key_ + "w"};
        std::vector<std::string> arguments{token_text(what.token), milliseconds_of(what.ttl),
                                           what.not_after < 0 ? "1" : "9007199254740991"};
        if (what.share != whole) {
            keys.push_back(key_ + "h");
            arguments.push_back(std::to_string(what.share.count));
            arguments.push_back(std::to_string(what.share.of));
        }
        if (what.place_life > 0) {
            arguments.push_back(milliseconds_of(what.place_life));
            arguments.push_back(key_ + channel);
        }
        const auto script =
            what.share == whole ? scripts::acquire_text : scripts::share_acquire_text;
        return peer_.run(script, keys, arguments);
    }

    void compare_held(const wire::Reply& reply, const AcquireArguments& what,
                      const AcquireAnswer& answer) {
        ASSERT_EQ(reply.type(), wire::Reply::Type::array) << "it should be held";
        ASSERT_EQ(reply.at(0).integer(), 0);
        ASSERT_EQ(reply.size(), 6U) << "it should be held";
        compare_holder(reply.at(2));
        // A number that was minted and not granted leaves a gap.
        EXPECT_GE(reply.at(4).integer(), last_told_);
        last_told_ = reply.at(4).integer();
        const bool queued = detail::find_place(store_, what.token) >= 0;
        const bool room = detail::has_room(store_, what.share);
        const bool first = queued && !room && store_.queue[0].token == what.token;
        EXPECT_EQ(reply.at(5).integer(), what.place_life == 0 ? 0 : first ? 2 : 1);
        ++seen_[answer.kept               ? "kept"
                : answer.holder == nobody ? "turn"
                : room                    ? "turn of a share"
                : first                   ? "first"
                                          : "held"];
    }

    void compare_grant(const wire::Reply& reply, Fence before) {
        const bool is_bare = reply.type() == wire::Reply::Type::integer;
        if (!is_bare) {
            ASSERT_EQ(reply.at(0).integer(), 1) << "it should be granted";
        }
        const std::int64_t fence = is_bare ? reply.integer() : reply.at(2).integer();
        if (store_.fence == before) {
            return expect("again", fence == granted_);
        }
        expect(store_.holder == several ? "share granted" : "granted", fence > last_told_);
        granted_ = last_told_ = fence;
    }

    void renew_once(Token token, Ticks length) {
        const Share less = less_[token];
        const bool as_share = share_of_[token] != whole || (less != whole && below(2) == 0);
        const RenewArguments what{token, length, less, handed, deaf()};
        const bool downgrades = as_share && is_held_by(store_, token);
        const std::vector<std::string> arguments{token_text(token), milliseconds_of(length)};
        const wire::Reply reply =
            as_share ? peer_.run(scripts::share_renew_text,
                                 {key_, key_ + "w", key_ + "h", key_ + "f", key_ + "q"},
                                 {arguments[0], arguments[1], std::to_string(less.count),
                                  std::to_string(less.of)})
                     : peer_.run(scripts::renew_text, {key_, key_ + "w"}, arguments);
        const RenewAnswer answer = as_share ? share_renew(store_, what) : renew(store_, what);
        if (is_late()) return;
        const std::string seen = downgrades ? "downgraded" : as_share ? "share renewed" : "renewed";
        expect(answer.renewed ? seen : "not " + seen, reply.integer() == (answer.renewed ? 1 : 0));
        compare_hand_off(answer.winners);
    }

    void release_once(Token token, Ticks keep) {
        const Share less = less_[token];
        const bool as_share = share_of_[token] != whole || (less != whole && below(2) == 0);
        const ReleaseArguments what{token, keep, handed, deaf(), less};
        std::vector<std::string> arguments{token_text(token), milliseconds_of(keep)};
        if (as_share) {
            arguments.push_back("0");
            arguments.push_back(std::to_string(less.count));
        }
        const wire::Reply reply =
            peer_.run(as_share ? scripts::share_release_text : scripts::release_text,
                      {key_, key_ + "w", key_ + "q", key_ + "f", key_ + "h"}, arguments);
        const ReleaseAnswer answer = as_share ? share_release(store_, what) : release(store_, what);
        if (is_late()) return;
        const std::string seen = as_share ? "share " : "";
        expect(seen + (answer.released ? "released" : "lost"),
               reply.integer() == (answer.released ? 1 : 0));
        compare_hand_off(answer.winners);
    }

    // Whose channel nobody hears, one bit each.
    [[nodiscard]] unsigned deaf() const {
        unsigned all = 0;
        for (Token token = 0; token < tokens; ++token) {
            if (channels_[token] == channel_names[0]) all |= 1U << token;
        }
        return all;
    }

    // Each key has channels of its own, so a message that nobody waited for is met by nobody.
    [[nodiscard]] wire::Reply receive_about(std::string_view what) {
        for (;;) {
            wire::Reply message = subscriber_.receive();
            const std::string channel{message.at(1).text()};
            const bool is_ours =
                channel == key_ + channel_names[1] || channel == key_ + channel_names[2];
            if (message.at(0).text() == what && is_ours) return message;
        }
    }

    // One message for each channel, in the order in which they come in the queue.
    void compare_hand_off(const Winners& winners) {
        std::vector<std::string> channels;
        std::map<std::string, std::string> told;
        std::map<std::string, int> counts;
        for (int i = 0; i < winners.count; ++i) {
            const std::string& channel = channels_[winners.tokens[i]];
            if (counts[channel]++ == 0) channels.push_back(channel);
            told[channel] += (told[channel].empty() ? "" : ",") + token_text(winners.tokens[i]);
        }
        for (const std::string& each : channels) compare_message(each, told[each], counts[each]);
        if (winners.count > 1) ++seen_["handed over to several"];
        if (channels.size() > 1) ++seen_["several messages"];
    }

    // {"message", channel, "token,token|fence|length"}
    void compare_message(const std::string& channel, const std::string& told, int count) {
        const wire::Reply message = receive_about("message");
        EXPECT_EQ(message.at(1).text(), key_ + channel);
        const std::string text{message.at(2).text()};
        const std::size_t end = text.find('|');
        EXPECT_EQ(text.substr(0, end), told);
        const std::int64_t fence = std::stoll(text.substr(end + 1));
        expect("handed over", fence > last_told_);
        granted_ = last_told_ = fence + count - 1;
    }

    void inspect_once() {
        const wire::Reply reply =
            peer_.run(scripts::inspect_text, {key_, key_ + "f", key_ + "q", key_ + "h"}, {});
        if (is_late()) return;
        expect(store_.holder == nobody ? "free" : "there",
               reply.at(0).integer() == (store_.holder == nobody ? 0 : 1));
        if (store_.holder == nobody) return;
        compare_holder(reply.at(1));
        EXPECT_EQ(reply.at(3).integer(), granted_);
        EXPECT_EQ(reply.at(5).integer(),
                  store_.holder == several ? detail::used_shares(store_) : 0);
    }

    void compare_holder(const wire::ReplyView& holder) {
        const std::string kept = store_.kept ? "kept:" : "";
        const std::string text = store_.holder == nobody    ? ""
                                 : store_.holder == several ? "shared:" + std::to_string(store_.of)
                                                            : kept + token_text(store_.holder);
        EXPECT_EQ(holder.text(), text);
    }

    void expect(const std::string& what, bool is_so) {
        EXPECT_TRUE(is_so) << "it should be: " << what;
        ++seen_[what];
    }

    // What ends with the next tick is waited out, so that the next command meets it ended.
    void pass_tick(bool in_any_case) {
        bool ends = in_any_case || store_.left == brief;
        for (int i = 0; i < store_.places; ++i) ends = ends || store_.queue[i].left == brief;
        for (int i = 0; i < store_.leases; ++i) ends = ends || store_.table[i].left == brief;
        if (!ends) return;
        const std::int64_t until = server_time() + std::chrono::microseconds{tick + 2ms}.count();
        ASSERT_TRUE(support::poll_until([&] { return server_time() >= until; }));
        pass(store_, brief);
    }

    [[nodiscard]] std::int64_t server_time() {
        const wire::Reply time = peer_.ask({"TIME"});
        return std::stoll(std::string(time.at(0).text())) * 1'000'000 +
               std::stoll(std::string(time.at(1).text()));
    }

    support::RedisServer server_{};
    ScriptPeer peer_;
    ScriptPeer subscriber_;
    unsigned seed_ = 0;
    std::mt19937 random_{};
    std::string key_{};
    Store store_{};
    std::int64_t granted_ = 0;                    // the fence of the last grant
    std::int64_t last_told_ = 0;                  // the highest that was told
    std::array<std::string, tokens> channels_{};  // of their places
    std::array<Share, tokens> share_of_{};
    std::array<Share, tokens> less_{};
    Clock::time_point started_{};
    std::map<std::string, int> seen_{};
};

TEST(ModelTrace, TheScriptsAnswerAsTheModelsStoreDoes) {
    TraceRun trace;
    trace.run(300);
    for (const char* const each : {"stale",
                                   "granted",
                                   "again",
                                   "held",
                                   "first",
                                   "turn",
                                   "kept",
                                   "renewed",
                                   "not renewed",
                                   "released",
                                   "lost",
                                   "handed over",
                                   "free",
                                   "there",
                                   "conflict",
                                   "turn of a share",
                                   "share granted",
                                   "share renewed",
                                   "not share renewed",
                                   "downgraded",
                                   "share released",
                                   "share lost",
                                   "handed over to several",
                                   "several messages"}) {
        EXPECT_GE(trace.seen(each), 5) << each;
    }
}

}  // namespace
}  // namespace leaselock::model

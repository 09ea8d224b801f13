// Goal: the scripts do what the model's store does, so what the model shows is true of them.
// Method: random commands run as scripts on a real server and as functions on the model's store,
// and each answer and each hand-off message is compared. The server's time is its own, so a tick is
// short and waited out at once, or there are so many that none of them passes.
//
// The run is repeatable: LEASELOCK_TEST_SEED=n chooses it, and every failure names the seed.
#include <cstdlib>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "model/store.hpp"
#include "redis_scripts.hpp"
#include "support/poll_until.hpp"
#include "support/redis_server.hpp"
#include "wire/command.hpp"

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

std::string milliseconds_of(Ticks length) {
    return std::to_string(length == 0 ? 0 : length == brief ? tick.count() : hour.count());
}

std::string token_text(Token token) {
    return std::string("tester:") + static_cast<char>('a' + token);
}

// A connection to the server.
class Peer {
  public:
    explicit Peer(support::RedisServer& server) : connection_{boot_clock()} {
        std::string why;
        if (connection_.open(server.endpoint(), deadline(), why)) throw std::runtime_error(why);
    }

    void send(const std::vector<std::string>& arguments) {
        const std::vector<std::string_view> views{arguments.begin(), arguments.end()};
        std::string bytes;
        wire::append_command(bytes, views);
        if (connection_.send(bytes, deadline()).error) throw std::runtime_error("not sent");
    }
    wire::Reply receive() {
        wire::Reply reply;
        if (connection_.receive(reply, deadline()) != wire::Received::reply) {
            throw std::runtime_error("no reply");
        }
        if (reply.is_error()) throw std::runtime_error(std::string(reply.text()));
        return reply;
    }
    wire::Reply ask(const std::vector<std::string>& arguments) {
        send(arguments);
        return receive();
    }
    wire::Reply run(std::string_view script, const std::vector<std::string>& keys,
                    const std::vector<std::string>& arguments) {
        std::vector<std::string> all{"EVAL", std::string(script), std::to_string(keys.size())};
        all.insert(all.end(), keys.begin(), keys.end());
        all.insert(all.end(), arguments.begin(), arguments.end());
        return ask(all);
    }

  private:
    static Clock::time_point deadline() { return boot_clock()->now() + 10s; }

    wire::Connection connection_;
};

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
    Ticks length() { return below(4) == 0 ? brief : lengthy; }

    void use_key(int number) {
        key_ = "trace:" + std::to_string(number);
        store_ = {};
        granted_ = last_told_ = 0;
        deaf_ = 0;
        subscriber_.send({"SUBSCRIBE", heard()});
        static_cast<void>(receive_about("subscribe"));
        started_ = boot_clock()->now();
        for (int step = 0; step < 40 && !::testing::Test::HasFailure(); ++step) {
            SCOPED_TRACE("key " + key_ + ", step " + std::to_string(step));
            one_step();
            if (is_late()) return;
        }
    }

    // On a machine that stood still, what must not have ended may have.
    [[nodiscard]] bool is_late() const { return boot_clock()->now() >= started_ + patience; }

    void one_step() {
        const Token token = small(static_cast<int>(below(tokens)));
        const unsigned verb = below(8);
        const Ticks length = this->length();
        if (verb < 4) {
            acquire_once(token, length);
        } else if (verb == 4) {
            renew_once(token, length);
        } else if (verb < 7) {
            release_once(below(2) == 0 ? token : std::max(store_.holder, small(0)),
                         below(3) == 0 ? length : small(0));
        } else {
            inspect_once();
        }
        // A lock that was asked for briefly and lives longer must be there still, behind that.
        pass_tick(length == brief && is_held_by(store_, token));
    }

    void acquire_once(Token token, Ticks length) {
        AcquireArguments what{token, length, small(below(8) == 0 ? -1 : 1), 0};
        std::vector<std::string> arguments{token_text(token), milliseconds_of(length),
                                           what.not_after < 0 ? "1" : "9007199254740991"};
        const bool is_deaf = below(4) == 0;
        if (below(3) != 0) {
            // A hand-off lasts as long as its winner's own ttl, if that is less.
            what.place_life = length;
            what.ttl = lengthy;
            arguments[1] = milliseconds_of(lengthy);
            arguments.insert(arguments.end(),
                             {milliseconds_of(length), is_deaf ? "unheard" : heard()});
        }
        const wire::Reply reply =
            peer_.run(scripts::acquire_text, {key_, key_ + "f", key_ + "q", key_ + "w"}, arguments);
        const Fence before = store_.fence;
        const AcquireAnswer answer = acquire(store_, what);
        if (is_late()) return;
        if (answer.what == AcquireAnswer::stale)
            return expect("stale", reply.at(0).integer() == -1);
        if (answer.what == AcquireAnswer::granted) return compare_grant(reply, before);
        // His place has the channel.
        if (what.place_life > 0) deaf_ = is_deaf ? deaf_ | 1U << token : deaf_ & ~(1U << token);
        ASSERT_EQ(reply.at(0).integer(), 0);
        ASSERT_EQ(reply.size(), 6U) << "it should be held";
        compare_holder(reply.at(2));
        // A number that was minted and not granted leaves a gap.
        EXPECT_GE(reply.at(4).integer(), last_told_);
        last_told_ = reply.at(4).integer();
        const bool queued = detail::find_place(store_, token) >= 0;
        const bool first = queued && answer.holder != nobody && store_.queue[0].token == token;
        EXPECT_EQ(reply.at(5).integer(), what.place_life == 0 ? 0 : first ? 2 : 1);
        ++seen_[answer.kept ? "kept" : answer.holder == nobody ? "turn" : first ? "first" : "held"];
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
        expect("granted", fence > last_told_);
        granted_ = last_told_ = fence;
    }

    void renew_once(Token token, Ticks length) {
        const wire::Reply reply = peer_.run(scripts::renew_text, {key_, key_ + "w"},
                                            {token_text(token), milliseconds_of(length)});
        const bool is_mine = renew(store_, token, length);
        if (is_late()) return;
        expect(is_mine ? "renewed" : "not renewed", reply.integer() == (is_mine ? 1 : 0));
    }

    void release_once(Token token, Ticks keep) {
        if (token == somebody_else) return;
        const wire::Reply reply =
            peer_.run(scripts::release_text, {key_, key_ + "w", key_ + "q", key_ + "f"},
                      {token_text(token), milliseconds_of(keep)});
        const ReleaseAnswer answer = release(store_, {token, keep, handed, deaf_});
        if (is_late()) return;
        expect(answer.released ? "released" : "lost", reply.integer() == (answer.released ? 1 : 0));
        if (answer.handed_to != nobody) compare_hand_off(answer.handed_to);
    }

    // Each key has a channel of its own, so a message that nobody waited for is met by nobody.
    [[nodiscard]] std::string heard() const { return key_ + "heard"; }
    [[nodiscard]] wire::Reply receive_about(std::string_view what) {
        for (;;) {
            wire::Reply message = subscriber_.receive();
            if (message.at(0).text() == what && message.at(1).text() == heard()) return message;
        }
    }

    // {"message", channel, "token|fence|length"}
    void compare_hand_off(Token winner) {
        const wire::Reply message = receive_about("message");
        const std::string text{message.at(2).text()};
        const std::size_t end = text.find('|');
        EXPECT_EQ(text.substr(0, end), token_text(winner));
        const std::int64_t fence = std::stoll(text.substr(end + 1));
        expect("handed over", fence > last_told_);
        granted_ = last_told_ = fence;
    }

    void inspect_once() {
        const wire::Reply reply = peer_.run(scripts::inspect_text, {key_, key_ + "f"}, {});
        if (is_late()) return;
        expect(store_.holder == nobody ? "free" : "there",
               reply.at(0).integer() == (store_.holder == nobody ? 0 : 1));
        if (store_.holder == nobody) return;
        compare_holder(reply.at(1));
        EXPECT_EQ(reply.at(3).integer(), granted_);
    }

    void compare_holder(const wire::ReplyView& holder) {
        const std::string kept = store_.kept ? "kept:" : "";
        EXPECT_EQ(holder.text(), store_.holder == nobody ? "" : kept + token_text(store_.holder));
    }

    void expect(const std::string& what, bool is_so) {
        EXPECT_TRUE(is_so) << "it should be: " << what;
        ++seen_[what];
    }

    // What ends with the next tick is waited out, so that the next command meets it ended.
    void pass_tick(bool in_any_case) {
        bool ends = in_any_case || store_.left == brief;
        for (int i = 0; i < store_.places; ++i) ends = ends || store_.queue[i].left == brief;
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
    Peer peer_;
    Peer subscriber_;
    unsigned seed_ = 0;
    std::mt19937 random_{};
    std::string key_{};
    Store store_{};
    std::int64_t granted_ = 0;    // the fence of the last grant
    std::int64_t last_told_ = 0;  // the highest that was told
    unsigned deaf_ = 0;           // whose channel nobody hears
    Clock::time_point started_{};
    std::map<std::string, int> seen_{};
};

TEST(ModelTrace, TheScriptsAnswerAsTheModelsStoreDoes) {
    TraceRun trace;
    trace.run(150);
    for (const char* const each :
         {"stale", "granted", "again", "held", "first", "turn", "kept", "renewed", "not renewed",
          "released", "lost", "handed over", "free", "there"}) {
        EXPECT_GE(trace.seen(each), 20) << each;
    }
}

}  // namespace
}  // namespace leaselock::model

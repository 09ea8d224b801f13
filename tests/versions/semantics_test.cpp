// Goal: the scripts answer and leave what those of the version before do, but for what the new
// version is made for: fences, which come from one counter for all keys, and rise for each of them.
// Method: random commands, each at a key of either, and after each the answers and all that lies in
// Redis are compared; in the end the messages of all hand-offs. Others lock the key, entries and
// leases die, and keys are lost, too.
//
// A run has 40 000 commands, or as many as fit into some seconds; LEASELOCK_TEST_COMMANDS=n runs n.
// LEASELOCK_TEST_SEED=n repeats one, and every failure names the seed.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <string>

#include "model/trace_wishes.hpp"
#include "support/redis_server.hpp"
#include "versions/script_pair.hpp"

namespace leaselock::versions {
namespace {

using namespace std::chrono_literals;
using model::Claim;
using Side = ScriptPair::Side;

const std::string late = "9007199254740991";
constexpr const char* rewrite_script =
    "if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then "
    "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end return 1";

// What each script can say, but for what needs a store that is broken.
constexpr std::array answers{"acquire granted",
                             "acquire held",
                             "acquire -1",
                             "acquire -2",
                             "renew 1",
                             "renew 0",
                             "release 1",
                             "release 0",
                             "inspect free",
                             "share_acquire granted",
                             "share_acquire held",
                             "share_acquire -2",
                             "share_renew 1",
                             "share_renew 0",
                             "share_release 1",
                             "share_release 0",
                             "latch granted",
                             "latch held",
                             "latch -2",
                             "latch_reset 1",
                             "latch_reset 0",
                             "latch_reset -2",
                             "message"};

class SemanticsRun {
  public:
    SemanticsRun() {
        const char* const seed = std::getenv("LEASELOCK_TEST_SEED");
        seed_ = seed != nullptr ? static_cast<unsigned>(std::stoul(seed)) : std::random_device{}();
        random_.seed(seed_);
        const char* const commands = std::getenv("LEASELOCK_TEST_COMMANDS");
        is_asked_ = commands != nullptr;
        commands_ = is_asked_ ? std::atoi(commands) : 40'000;
    }

    void run() {
        SCOPED_TRACE("LEASELOCK_TEST_SEED=" + std::to_string(seed_));
        const auto ends = boot_clock()->now() + 15s;
        const auto goes_on = [&] {
            return is_asked_ || boot_clock()->now() < ends || !has_seen_all();
        };
        for (int key = 0; done_ < commands_ && goes_on(); ++key) {
            use_key(key);
            if (::testing::Test::HasFailure()) break;
        }
        std::printf("%d commands\n", done_);
    }
    [[nodiscard]] bool has_seen(const std::string& words) const {
        const auto found = seen_.find(words);
        return found != seen_.end() && found->second >= 5;
    }
    [[nodiscard]] bool has_seen_all() const {
        return std::all_of(answers.begin(), answers.end(),
                           [&](const char* each) { return has_seen(each); });
    }

  private:
    unsigned below(unsigned end) { return static_cast<unsigned>(random_()) % end; }

    void use_key(int number) {
        pair_.use(number);
        wishes_.choose(number % 3, [&](unsigned end) { return below(end); });
        std::string heard[2];
        for (const Side side : ScriptPair::sides) {
            subscriber_.send({"SUBSCRIBE", pair_.channel(side, 1), pair_.channel(side, 2)});
            for (int i = 0; i < 2; ++i) static_cast<void>(subscriber_.receive());
        }
        top_ = 0;
        list_was_lost_ = false;
        for (int step = 0; step < 100 && !::testing::Test::HasFailure(); ++step, ++done_) {
            SCOPED_TRACE("key " + std::to_string(number) + ", step " + std::to_string(step));
            one_step();
        }
        for (const Side side : ScriptPair::sides) {
            subscriber_.send({"UNSUBSCRIBE", pair_.channel(side, 1), pair_.channel(side, 2)});
        }
        for (int left = 4; left > 0;) {
            const auto message = subscriber_.receive();
            if (message.at(0).text() == "unsubscribe") {
                --left;
            } else {
                hear(message, heard);
            }
        }
        EXPECT_EQ(heard[Side::former], heard[Side::present]);
    }

    // Channel, tokens and ttl of each message; and that fences rise, on our side.
    void hear(const wire::RespValue& message, std::string* heard) {
        const std::string channel{message.at(1).text()};
        const std::string text{message.at(2).text()};
        const Side side = channel.starts_with("former") ? Side::former : Side::present;
        const std::size_t first = text.find('|');
        const std::size_t second = text.find('|', first + 1);
        heard[side] +=
            channel.substr(channel.find(':')) + text.substr(0, first) + text.substr(second) + "\n";
        ++seen_["message"];
    }

    void one_step() {
        const std::string token = "owner/" + std::to_string(below(model::tokens));
        const auto index = static_cast<std::size_t>(token.back() - '0');
        switch (below(24)) {
            case 0: disturb(token); break;
            case 1: both("inspect", {}); break;
            case 2: both("latch_reset", {"latch:" + std::to_string(2 + below(2))}); break;
            case 3:
            case 4:
            case 5: renew(token, wishes_.less[index]); break;
            case 6:
            case 7:
            case 8:
            case 9:
            case 10:
            case 11: release(token, wishes_.less[index]); break;
            default: acquire(token, wishes_.claim_of[index]);
        }
    }

    void acquire(const std::string& token, Claim claim) {
        Words arguments{token, term(), below(20) == 0 ? "1" : late};
        if (is_latch(claim)) {
            arguments.emplace_back(claim.want == model::to_count ? "1" : "0");
            arguments.push_back(std::to_string(claim.of));
        } else if (claim != model::whole) {
            arguments.push_back(std::to_string(claim.count));
            arguments.push_back(std::to_string(claim.of));
        }
        if (below(3) != 0 && claim.want != model::to_count) {
            arguments.push_back(term());
            arguments.push_back("#" + std::to_string(below(3)));
        }
        both(is_latch(claim)         ? "latch"
             : claim == model::whole ? "acquire"
                                     : "share_acquire",
             arguments);
    }
    void renew(const std::string& token, Claim claim) {
        Words arguments{token, term()};
        if (claim == model::whole || is_latch(claim)) return both("renew", arguments);
        arguments.push_back(std::to_string(claim.count));
        arguments.push_back(std::to_string(claim.of));
        both("share_renew", arguments);
    }
    void release(const std::string& token, Claim claim) {
        const std::string keep = below(6) == 0 ? term() : "0";
        Words arguments{token, keep};
        if (claim == model::whole || is_latch(claim)) {
            if (below(4) == 0) arguments.emplace_back("1");
            return both("release", arguments);
        }
        arguments.emplace_back(below(4) == 0 ? "1" : "0");
        arguments.push_back(std::to_string(claim.count));
        both("share_release", arguments);
    }
    // Far more than a run takes; twice the one is not near four times the other.
    std::string term() { return below(2) == 0 ? "3600000" : "5400000"; }

    // What others do, and what is lost.
    void disturb(const std::string& token) {
        const unsigned what = below(8);
        list_was_lost_ = list_was_lost_ || what == 3;
        for (const Side side : ScriptPair::sides) {
            const std::string key = pair_.key(side);
            const std::string waiters = pair_.side_key(side, 'w');
            const std::string channel = pair_.channel(side, 1);
            switch (what) {
                case 0: pair_.command({"SET", key, "theirs", "NX", "PX", "3600000"}); break;
                case 1: pair_.command({"SET", key, "precious"}); break;
                case 2: pair_.command({"DEL", waiters}); break;
                case 3: pair_.command({"DEL", pair_.side_key(side, 'q')}); break;
                case 4:
                    pair_.command({"ZADD", pair_.side_key(side, 'h'), "XX", "1000", token});
                    break;
                case 5:
                    pair_.command({"EVAL", rewrite_script, "1", waiters, token,
                                   "1000000|60000|30000|" + channel});
                    break;
                default: pair_.command({"DEL", key});
            }
        }
        compare_inspections();
    }

    void both(const std::string& script, const Words& arguments) {
        std::string text = script;
        for (const std::string& each : arguments) text += " " + each;
        SCOPED_TRACE(text);
        Said said[2];
        std::int64_t fence = 0;
        for (const Side side : ScriptPair::sides)
            said[side] = pair_.run(side, script, arguments, fence);
        EXPECT_TRUE(is_same(said[0], said[1])) << said[0].text() << "\n" << said[1].text();
        if (fence != 0) {
            EXPECT_GT(fence, top_) << "it rises";
            top_ = fence;
        }
        ++seen_[script + " " + said[1].words.substr(0, said[1].words.find(' '))];
        compare_inspections();
    }
    void compare_inspections() {
        Said seen[2];
        for (const Side side : ScriptPair::sides) {
            seen[side] = pair_.inspect(side);
            // That of the waiters: a queue that is begun sets it, and does not ask what it was.
            if (list_was_lost_) seen[side].times.at(2) = 0;
        }
        EXPECT_TRUE(is_same(seen[0], seen[1])) << seen[0].text() << "\n" << seen[1].text();
    }

    support::RedisServer server_{};
    ScriptPair pair_{server_, LEASELOCK_FORMER_SCRIPTS};
    model::ScriptPeer subscriber_{server_};
    model::TraceWishes wishes_{};
    unsigned seed_ = 0;
    std::mt19937 random_{};
    bool is_asked_ = false;
    int commands_ = 0;
    int done_ = 0;
    bool list_was_lost_ = false;
    std::int64_t top_ = 0;  // the highest fence of the key
    std::map<std::string, int> seen_{};
};

TEST(Semantics, ScriptsAnswerAndLeaveWhatThoseOfTheVersionBeforeDo) {
    SemanticsRun run;
    run.run();
    for (const char* const each : answers) EXPECT_TRUE(run.has_seen(each)) << each;
}

}  // namespace
}  // namespace leaselock::versions

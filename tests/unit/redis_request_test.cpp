// Goal: each request becomes the command that its script expects. Method: its bytes, read by the
// real parser.
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <vector>

#include "redis/codec.hpp"
#include "redis/side_keys.hpp"
#include "redis_scripts.hpp"
#include "wire/parser.hpp"

namespace leaselock::redis {
namespace {

using namespace std::chrono_literals;

// What a request becomes, as the words of its command.
std::vector<std::string> words(const Request& request, bool whole_script, std::int64_t not_after,
                               std::string_view channel = "leaselock:c", Form form = Form::common) {
    std::string bytes;
    append_request(bytes, request, whole_script, not_after, channel, form);
    wire::Parser parser;
    parser.feed(bytes);
    wire::RespValue reply;
    EXPECT_EQ(parser.next(reply), wire::Parser::Result::reply);
    std::vector<std::string> result;
    for (std::size_t i = 0; i < reply.size(); ++i) result.emplace_back(reply.at(i).text());
    return result;
}

using Words = std::vector<std::string>;

const std::string counter_of_k = side_key("k", 0, SideKey::counter);

TEST(RedisRequest, RequestsCarryWhatTheirScriptsRead) {
    const Request request{
        .verb = Verb::acquire, .key = "p:k", .prefix = 2, .token = "me/1", .ttl = 30s, .keep = 7s};
    const std::string counter = side_key("p:k", 2, SideKey::counter);
    const auto with = [&](Verb verb) {
        Request changed = request;
        changed.verb = verb;
        return changed;
    };
    EXPECT_EQ(words(with(Verb::acquire), false, 99),
              (Words{"EVALSHA", std::string{scripts::acquire_sha1}, "4", "p:k", counter,
                     "{p:k}:ll:2q", "{p:k}:ll:2w", "me/1", "30000", "99"}));
    EXPECT_EQ(words(with(Verb::renew), false, 99),
              (Words{"EVALSHA", std::string{scripts::renew_sha1}, "1", "p:k", "me/1", "30000"}));
    EXPECT_EQ(words(with(Verb::release), false, 99),
              (Words{"EVALSHA", std::string{scripts::release_sha1}, "5", "p:k", counter,
                     "{p:k}:ll:2q", "{p:k}:ll:2w", "{p:k}:ll:h", "me/1", "7000"}));
    EXPECT_EQ(words(with(Verb::inspect), false, 99),
              (Words{"EVALSHA", std::string{scripts::inspect_sha1}, "4", "p:k", counter,
                     "{p:k}:ll:2q", "{p:k}:ll:h"}));
}

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): never deleted as a Listener
class Deaf final : public Listener {
  public:
    using Listener::Listener;
    WakeUp handed_over(const HandOff&) noexcept override { return {}; }
    WakeUp poll() noexcept override { return {}; }
};

TEST(RedisRequest, AcquireOfAListenerTakesAnEntryForItsChannel) {
    Deaf listener{"k", "me/1"};
    Request request{.verb = Verb::acquire,
                    .key = "k",
                    .token = "me/1",
                    .ttl = 30s,
                    .listener = &listener,
                    .entry_life = 3s};
    const Words plain{"EVALSHA",    std::string{scripts::acquire_sha1},
                      "4",          "k",
                      counter_of_k, "{k}:ll:2q",
                      "{k}:ll:2w",  "me/1",
                      "30000",      "99"};
    Words queued = plain;
    queued.insert(queued.end(), {"3000", "leaselock:c"});
    EXPECT_EQ(words(request, false, 99), queued);
    EXPECT_EQ(words(request, false, 99, ""), plain);
    request.listener = nullptr;
    EXPECT_EQ(words(request, false, 99), plain);
}

TEST(RedisRequest, ReleaseAsksForTheTimeBehindItsOwnArguments) {
    const Request request{.verb = Verb::release, .key = "k", .token = "me/1", .ask_time = true};
    EXPECT_EQ(words(request, false, 0),
              (Words{"EVALSHA", std::string{scripts::release_sha1}, "5", "k", counter_of_k,
                     "{k}:ll:2q", "{k}:ll:2w", "{k}:ll:h", "me/1", "0", "1"}));
}

TEST(RedisRequest, ReleaseNamesNoMoreKeysThanItNeeds) {
    const auto keys_of = [](Request request, Form form = Form::common) {
        request.verb = Verb::release;
        request.key = "k";
        request.token = "me/1";
        const Words all = words(request, false, 0, "leaselock:c", form);
        return std::stoi(all.at(2));
    };
    EXPECT_EQ(keys_of({.unqueued = false}), 5);
    EXPECT_EQ(keys_of({.unqueued = true}), 2);
    EXPECT_EQ(keys_of({.keep = 1ms, .unqueued = true}), 5) << "the key stays";
    EXPECT_EQ(keys_of({.ask_time = true, .unqueued = true}), 5) << "an acquire may still run";
    EXPECT_EQ(keys_of({.unread = true, .unqueued = true}), 5) << "nobody would send it again";
    EXPECT_EQ(keys_of({.claim = shared, .unqueued = true}), 5);
    EXPECT_EQ(keys_of({.unqueued = true}, Form::all_keys), 5);
    EXPECT_EQ(keys_of({.unqueued = true}, Form::lock_alone), 1);
    EXPECT_EQ(
        words({.verb = Verb::release, .key = "k", .token = "me/1", .unqueued = true}, false, 0),
        (Words{"EVALSHA", std::string{scripts::release_uncontended_sha1}, "2", "k", "{k}:ll:2q",
               "me/1"}));
    EXPECT_EQ(words({.verb = Verb::release, .key = "k", .token = "me/1", .ask_time = true}, false,
                    0, "", Form::lock_alone),
              (Words{"EVALSHA", std::string{scripts::release_lock_alone_sha1}, "1", "k", "me/1",
                     "0", "1"}));
}

TEST(RedisRequest, RequestsForSharesCarryHowManyBehindTheOthers) {
    Deaf listener{"k", "me/1"};
    const auto share_words = [&](Verb verb, Claim claim, bool waits = false) {
        Words all = words({.verb = verb,
                           .key = "k",
                           .token = "me/1",
                           .ttl = 30s,
                           .keep = 7s,
                           .claim = claim,
                           .listener = waits ? &listener : nullptr,
                           .entry_life = 3s},
                          false, 99);
        EXPECT_EQ(all[1], verb == Verb::acquire ? scripts::share_acquire_sha1
                          : verb == Verb::renew ? scripts::share_renew_sha1
                                                : scripts::share_release_sha1);
        all.erase(all.begin(), all.begin() + 3);
        return all;
    };
    EXPECT_EQ(share_words(Verb::acquire, Claim::permits(2, 5)),
              (Words{"k", counter_of_k, "{k}:ll:2q", "{k}:ll:2w", "{k}:ll:h", "me/1", "30000", "99",
                     "2", "5"}));
    EXPECT_EQ(share_words(Verb::acquire, shared, true),
              (Words{"k", counter_of_k, "{k}:ll:2q", "{k}:ll:2w", "{k}:ll:h", "me/1", "30000", "99",
                     "1", "0", "3000", "leaselock:c"}));
    EXPECT_EQ(share_words(Verb::renew, Claim::permits(2, 5)),
              (Words{"k", counter_of_k, "{k}:ll:2q", "{k}:ll:2w", "{k}:ll:h", "me/1", "30000", "2",
                     "5"}));
    EXPECT_EQ(
        share_words(Verb::release, Claim::permits(2, 5)),
        (Words{"k", counter_of_k, "{k}:ll:2q", "{k}:ll:2w", "{k}:ll:h", "me/1", "7000", "0", "2"}));
}

TEST(RedisRequest, WholeScriptsGoByEval) {
    const Request request{.verb = Verb::inspect, .key = "a{b}", .token = {}};
    EXPECT_EQ(words(request, true, 0),
              (Words{"EVAL", std::string{scripts::inspect_text}, "4", "a{b}",
                     side_key("a{b}", 0, SideKey::counter), "a{b}:ll:2Q", "a{b}:ll:H"}));
}

TEST(RedisRequest, KeysAndTokensAreBytes) {
    const std::string key{"a\0b\r\nc \xff", 8};
    EXPECT_EQ(words({.verb = Verb::inspect, .key = key}, false, 0).at(3), key);
}

}  // namespace
}  // namespace leaselock::redis

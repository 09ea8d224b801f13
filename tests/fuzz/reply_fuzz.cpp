// Goal: whatever bytes a server sends, the outcome is one of those that the contract knows, and a
// lock is granted by a grant alone, and nobody has a queue entry who asked for none. Method: the
// first byte chooses the question, the second how the rest is cut into pieces; the rest comes from
// the server.
#include <algorithm>
#include <string>
#include <vector>

#include "fuzz/fuzz_input.hpp"
#include "redis/codec.hpp"
#include "wire/parser.hpp"

namespace leaselock {
namespace {

using fuzz::promise;
using Type = wire::RespView::Type;

constexpr std::uint64_t fence_limit = std::uint64_t{1} << 53U;

// Whether the bytes say that the lock is granted, read once more by hand.
bool says_granted(wire::RespView answer) {
    if (answer.type() == Type::integer) return answer.integer() > 1'000'000'000'000'000;
    return answer.type() == Type::array && answer.size() == 3 &&
           answer.at(0).type() == Type::integer && answer.at(0).integer() == 1;
}

bool says_one(wire::RespView answer) {
    return answer.type() == Type::integer && answer.integer() == 1;
}

// With the server's time after it, if that was asked for.
bool says_released(wire::RespView answer) {
    return says_one(answer) || (answer.type() == Type::array && answer.size() == 2 &&
                                says_one(answer.at(0)) && answer.at(1).type() == Type::integer);
}

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): never deleted as a Listener
class Nobody final : public Listener {
  public:
    using Listener::Listener;
    WakeUp handed_over(const HandOff&) noexcept override { return {}; }
    WakeUp poll() noexcept override { return {}; }
};
Nobody waiter{"key", "me/0123456789abcdef0123456789abcdef"};

// The two lowest bits are the verb. With the third it does not wait, and asks no release for the
// time; the two after that choose a claim.
Request question(unsigned byte) {
    constexpr Claim claims[]{Claim{}, Claim::permits(1, 3), Claim::count_down(2), Claim::await(2)};
    const bool brief = (byte & 4U) != 0;
    const auto verb = static_cast<Verb>(byte % 4);
    const Claim claim = claims[byte / 8 % 4];
    const bool ends_latch = verb == Verb::release && claim.is_latch();
    return {.verb = verb,
            .key = waiter.key(),
            .token = ends_latch ? std::string_view{"latch:2"} : waiter.token(),
            .claim = claim,
            .ask_time = !brief,
            .listener = brief ? nullptr : &waiter};
}

void check(const Request& request, wire::RespView answer, const Reply& reply) {
    const Verb verb = request.verb;
    switch (reply.outcome) {
        case Outcome::granted:
            promise(verb == Verb::acquire && says_granted(answer), "granted by a grant alone");
            promise(reply.fencing_token > 0 && reply.fencing_token < fence_limit, "fence in range");
            break;
        case Outcome::renewed:
            promise(verb == Verb::renew && says_one(answer), "renewed by a 1 alone");
            break;
        case Outcome::released:
            promise(verb == Verb::release && says_released(answer), "released by a 1 alone");
            break;
        case Outcome::lost:
            promise(verb == Verb::renew || verb == Verb::release, "lost is for holders");
            break;
        case Outcome::free: promise(verb == Verb::inspect, "free is for inspect"); break;
        case Outcome::held:
            promise(verb == Verb::acquire || verb == Verb::inspect, "held is for who asks");
            promise(reply.fencing_token < fence_limit, "fence in range");
            promise(reply.remaining.count() >= 0, "time that remains is not negative");
            promise(!reply.told, "the server does not know which waiters are notified");
            promise(!reply.queued || (verb == Verb::acquire && answer.size() == 6 &&
                                      request.listener != nullptr),
                    "an entry is for an acquire that asked for one");
            promise(reply.queued || !reply.first, "the first entry is an entry");
            break;
        case Outcome::failed:
            promise(family(reply.error) == Family::refused ||
                        family(reply.error) == Family::unavailable ||
                        family(reply.error) == Family::unknown,
                    "a failure has a family");
            promise(!reply.queued && !reply.first, "a failure brings no entry");
            promise(reply.detail.size() <= 1024 && fuzz::is_clean(reply.detail), "words are clean");
            break;
    }
}

// What a channel brings is believed without a question, so what is no hand-off must not pass.
void check_message(std::string_view text) {
    const auto message = redis::decode_hand_off(text);
    if (!message) return;
    const HandOff& what = message->what;
    promise(text.starts_with(message->tokens), "the tokens are the first part");
    const auto further =
        static_cast<std::uint64_t>(std::count(message->tokens.begin(), message->tokens.end(), ','));
    promise(what.fencing_token > 0 && what.fencing_token + further < fence_limit,
            "all fences in range");
    promise(what.ttl > std::chrono::milliseconds{0} && what.ttl <= std::chrono::seconds{3},
            "a hand-off is short");
    promise(std::count(text.begin(), text.end(), '|') == 2, "three parts");
}

// All outcomes of the bytes, as text.
std::string outcomes(const Request& request, std::string_view bytes, std::size_t piece) {
    wire::Parser parser;
    std::string all;
    while (!bytes.empty()) {
        parser.feed(bytes.substr(0, piece));
        bytes.remove_prefix(std::min(piece, bytes.size()));
        wire::RespValue answer;
        wire::Parser::Result result{};
        while ((result = parser.next(answer)) == wire::Parser::Result::reply) {
            Reply reply;
            check_message(answer.text());
            const std::int64_t now = redis::decode(request, "channel", answer, reply);
            promise(now >= 0 && now < redis::no_limit, "a time that can be");
            check(request, answer, reply);
            all += std::to_string(static_cast<int>(reply.outcome)) + ',' +
                   std::to_string(static_cast<int>(reply.error)) + ',' +
                   std::to_string(reply.fencing_token) + ',' + reply.holder + ',' + reply.detail +
                   (reply.first    ? ",first"
                    : reply.queued ? ",queued"
                                   : "") +
                   (redis::wants_script(answer) ? ",script;" : ";");
        }
        if (result == wire::Parser::Result::malformed) return all + "malformed";
    }
    return all;
}

}  // namespace
}  // namespace leaselock

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    leaselock::fuzz::Input input{data, size};
    const leaselock::Request request = leaselock::question(input.byte());
    const std::size_t piece = input.byte() + 1;
    const std::string whole = leaselock::outcomes(request, input.rest(), input.rest().size());
    const std::string cut = leaselock::outcomes(request, input.rest(), piece);
    leaselock::fuzz::promise(whole == cut, "it does not matter how the bytes are cut");
    return 0;
}

#include "redis/codec.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include <leaselock/printable.hpp>

#include "redis/request_kind.hpp"

namespace leaselock::redis {
namespace {

using std::chrono::milliseconds;
using Type = wire::RespView::Type;

constexpr std::uint64_t fence_end = std::uint64_t{1} << 53;
constexpr milliseconds longest_hand_off{3000};                      // see release.lua
constexpr std::uint64_t least_plain_grant = 1'000'000'000'000'000;  // see acquire.lua

struct Meaning {
    std::string_view words;
    Errc error;
};
template <std::size_t Count>
const Meaning* find(const std::array<Meaning, Count>& meanings, std::string_view error) noexcept {
    const auto* const found = std::find_if(meanings.begin(), meanings.end(), [&](const Meaning& m) {
        return error.starts_with(m.words);
    });
    return found == meanings.end() ? nullptr : found;
}

// Said in the midst of a script: what it did before that is done. First Redis 7.0 for a right that
// is missing, then Redis 7.2 and Valkey; then both for a command that was renamed.
constexpr std::array ends_of_scripts{
    Meaning{"ERR The user executing the script", Errc::access_denied},
    Meaning{"ERR ACL failure in script", Errc::access_denied},
    Meaning{"ERR Unknown Redis command called from script", Errc::not_supported},
    Meaning{"ERR Unknown command called from script", Errc::not_supported}};

// By how an error begins.
constexpr std::array meanings{
    Meaning{"READONLY", Errc::read_only},
    Meaning{"LOADING", Errc::loading},
    Meaning{"MASTERDOWN", Errc::loading},
    Meaning{"OOM", Errc::out_of_memory},
    Meaning{"NOREPLICAS", Errc::not_enough_replicas},
    Meaning{"BUSY", Errc::busy},
    Meaning{"MISCONF", Errc::misconfigured},
    Meaning{"ERR max number of clients", Errc::too_many_clients},
    Meaning{"CLUSTERDOWN", Errc::cluster_down},
    Meaning{"TRYAGAIN", Errc::cluster_down},
    Meaning{"MOVED", Errc::not_supported},
    Meaning{"ASK ", Errc::not_supported},
    Meaning{"CROSSSLOT", Errc::not_supported},
    Meaning{"ERR unknown command", Errc::not_supported},
    Meaning{"ERR unknown subcommand", Errc::not_supported},
    Meaning{"NOAUTH", Errc::authentication_failed},
    Meaning{"WRONGPASS", Errc::authentication_failed},
    Meaning{"NOPERM", Errc::access_denied},
    Meaning{"WRONGTYPE", Errc::corrupt},
    Meaning{"CORRUPT", Errc::corrupt},
};

void fail(Reply& reply, Errc error, std::string detail) {
    reply.outcome = Outcome::failed;
    reply.error = error;
    reply.detail = std::move(detail);
}

void fail_conflict(Reply& reply) {
    fail(reply, Errc::conflicting_use, "it is of another number or kind now, or waited for");
}

// The holder of the key, from `answer`'s element `at` and the pttl after it. False if that is not
// what they are.
bool decode_holder(wire::RespView answer, std::size_t at, Reply& reply) {
    if (answer.at(at).type() != Type::string || answer.at(at + 1).type() != Type::integer) {
        return false;
    }
    const std::int64_t pttl = answer.at(at + 1).integer();
    if (pttl < 0) {
        fail(reply, Errc::corrupt, "the key has no ttl, so it is no lock");
        return true;
    }
    std::string_view holder = answer.at(at).text();
    reply.kept = holder.starts_with(kept_mark);
    if (reply.kept) holder.remove_prefix(kept_mark.size());
    reply.outcome = Outcome::held;
    reply.holder = holder;
    reply.remaining = milliseconds{pttl};
    return true;
}

// All of the text, in digits.
template <class Number>
bool parse(std::string_view text, Number& number) noexcept {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    return error == std::errc{} && stop == end;
}

bool decode_fence(wire::RespView element, Reply& reply) noexcept {
    reply.fencing_token = static_cast<std::uint64_t>(element.integer());
    return element.type() == Type::integer && reply.fencing_token < fence_end;
}

// Whether this holder can stand in the way of the request: nobody is in its own, and a latch that
// is not open in that of those alone that wait for it.
bool is_in_the_way(const Request& request, const Reply& reply) noexcept {
    if (request.claim.is_latch()) {
        return request.claim.kind() == Claim::Kind::await && reply.holder.starts_with(latch_mark);
    }
    return has_share(request) || reply.kept || reply.holder != request.token;
}

// Not granted: {0, now, holder, pttl, counter, entry}; without a holder it is another one's turn. A
// queue entry is there if one was asked for, and only then. A user of the key by another prefix
// mints from another counter, so the answer is the time if that is more: by a sound clock no
// fence that was minted before is above it.
bool decode_held(const Request& request, bool queues, wire::RespView answer, Reply& reply) {
    const std::int64_t entry = answer.at(5).integer();
    if (answer.size() != 6 || answer.at(5).type() != Type::integer || entry < 0 || entry > 2 ||
        !decode_fence(answer.at(4), reply)) {
        return false;
    }
    reply.fencing_token =
        std::max(reply.fencing_token, static_cast<std::uint64_t>(answer.at(1).integer()));
    reply.queued = entry > 0;
    reply.first = entry == 2;
    if (answer.at(2).type() != Type::nil) {
        if (!decode_holder(answer, 2, reply)) return false;
        // What has no ttl is no lock, and nobody gets an entry for it.
        if (reply.outcome == Outcome::failed) return !reply.queued;
        return reply.queued == queues && is_in_the_way(request, reply);
    }
    reply.outcome = Outcome::held;
    return answer.at(3).type() == Type::integer && answer.at(3).integer() == 0 && !reply.first &&
           reply.queued == queues && !request.claim.is_latch();
}

// False if the answer is not one that the script gives to this request.
bool decode_acquire(const Request& request, bool queues, wire::RespView answer, Reply& reply) {
    if (answer.type() == Type::integer) {
        reply.outcome = Outcome::granted;
        return decode_fence(answer, reply) && reply.fencing_token > least_plain_grant &&
               !request.claim.is_latch();
    }
    if (answer.at(0).type() != Type::integer) return false;
    const std::int64_t now = answer.at(1).integer();
    if (answer.at(1).type() != Type::integer || now <= 0 || now >= no_limit) return false;
    switch (answer.at(0).integer()) {
        case 1:
            reply.outcome = Outcome::granted;
            return answer.size() == 3 && decode_fence(answer.at(2), reply) &&
                   reply.fencing_token > 0;
        case 0: return decode_held(request, queues, answer, reply);
        case -1:
            fail(reply, Errc::stale, "the server's time was past the deadline of the command");
            return answer.size() == 2;
        case -2: fail_conflict(reply); return answer.size() == 2;
        default: return false;
    }
}

bool decode_count(wire::RespView element, int& count) noexcept {
    if (element.type() != Type::integer || element.integer() < 0) return false;
    constexpr std::int64_t most = std::numeric_limits<int>::max();
    count = static_cast<int>(std::min(element.integer(), most));
    return true;
}

bool decode_inspect(wire::RespView answer, Reply& reply) {
    reply.outcome = Outcome::free;
    if (answer.at(0).type() != Type::integer) return false;
    if (answer.at(0).integer() == 0) {
        return answer.size() == 2 && decode_count(answer.at(1), reply.waiting);
    }
    return answer.size() == 6 && decode_count(answer.at(4), reply.waiting) &&
           decode_count(answer.at(5), reply.shares) && decode_fence(answer.at(3), reply) &&
           decode_holder(answer, 1, reply);
}

bool decode_flag(wire::RespView answer, Outcome yes, Reply& reply) noexcept {
    reply.outcome = answer.integer() == 1 ? yes : Outcome::lost;
    return answer.type() == Type::integer && (answer.integer() == 0 || answer.integer() == 1);
}

// The flag alone, or with the server's time if that was asked for.
bool decode_release(const Request& request, wire::RespView answer, Reply& reply) {
    if (ends_latch(request) && answer.at(0).type() == Type::integer &&
        answer.at(0).integer() == -2) {
        fail_conflict(reply);
        return answer.size() == 2 && answer.at(1).type() == Type::integer;
    }
    if (!request.ask_time) return decode_flag(answer, Outcome::released, reply);
    const wire::RespView now = answer.at(1);
    reply.store_time = now.integer();
    return answer.size() == 2 && now.type() == Type::integer && reply.store_time > 0 &&
           reply.store_time < no_limit && decode_flag(answer.at(0), Outcome::released, reply);
}

bool decode_verb(const Request& request, bool queues, wire::RespView answer, Reply& reply) {
    switch (request.verb) {
        case Verb::acquire: return decode_acquire(request, queues, answer, reply);
        case Verb::renew: return decode_flag(answer, Outcome::renewed, reply);
        case Verb::release: return decode_release(request, answer, reply);
        case Verb::inspect: break;
    }
    return decode_inspect(answer, reply);
}

}  // namespace

std::optional<HandOffMessage> decode_hand_off(std::string_view text) noexcept {
    const std::size_t first = text.find('|');
    const std::size_t second = text.find('|', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) return std::nullopt;
    HandOffMessage message{.tokens = text.substr(0, first), .what = {}};
    std::int64_t ttl = 0;
    const bool numbers =
        parse(text.substr(first + 1, second - first - 1), message.what.fencing_token) &&
        parse(text.substr(second + 1), ttl);
    message.what.ttl = milliseconds{ttl};
    const auto further =
        static_cast<std::uint64_t>(std::count(message.tokens.begin(), message.tokens.end(), ','));
    const bool sound = message.what.fencing_token > 0 &&
                       message.what.fencing_token < fence_end - further && ttl > 0 &&
                       ttl <= longest_hand_off.count();
    if (!numbers || !sound) return std::nullopt;
    return message;
}

bool wants_script(wire::RespView answer) noexcept {
    return answer.is_error() && answer.text().starts_with("NOSCRIPT");
}

// A script that lacks a right gets another text for that, in the midst of it.
bool never_ran(wire::RespView answer) noexcept {
    const std::string_view text = answer.text();
    return text.starts_with("NOAUTH") || text.starts_with("WRONGPASS") ||
           text.starts_with("NOPERM");
}

std::int64_t decode(const Request& request, std::string_view channel, wire::RespView answer,
                    Reply& reply, Form form) {
    if (answer.is_error()) {
        fail(reply, classify(answer.text()), quote(answer.text()));
        reply.in_part = find(ends_of_scripts, answer.text()) != nullptr;
        return 0;
    }
    if (!decode_verb(request, takes_entry(request, channel), answer, reply)) {
        reply.queued = reply.first = false;
        fail(reply, Errc::protocol_error, "the answer is none that such a command can have");
        return 0;
    }
    if (form == Form::lock_alone && reply.outcome == Outcome::lost) {
        fail(reply, Errc::cluster_down, "the slot moves, and what is left of the token with it");
    }
    if (request.verb != Verb::acquire) return 0;
    return answer.type() == Type::integer ? answer.integer() : answer.at(1).integer();
}

Errc classify(std::string_view error) noexcept {
    const Meaning* found = find(meanings, error);
    if (found == nullptr) found = find(ends_of_scripts, error);
    return found == nullptr ? Errc::unexpected_reply : found->error;
}

std::int64_t whole_number(std::string_view text) noexcept {
    std::int64_t value = -1;
    return parse(text, value) ? value : -1;
}

std::int64_t leading_number(std::string_view text) noexcept {
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::string quote(std::string_view error) {
    constexpr std::size_t longest = 200;
    return printable(error.substr(0, std::min(longest, error.find(", with args"))));
}

}  // namespace leaselock::redis

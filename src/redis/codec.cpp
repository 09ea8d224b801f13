#include "redis/codec.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <span>

#include "redis/side_keys.hpp"
#include "redis_scripts.hpp"
#include "wire/command.hpp"

namespace leaselock::redis {
namespace {

using std::chrono::milliseconds;
using Type = wire::ReplyView::Type;

constexpr std::string_view kept_mark = "kept:";
constexpr std::uint64_t fence_end = std::uint64_t{1} << 53;
constexpr std::uint64_t least_plain_grant = 1'000'000'000'000'000;  // see acquire.lua

struct Script {
    std::string_view text;
    std::string_view sha1;
    SideKey side_key;
};

Script script_of(Verb verb) noexcept {
    switch (verb) {
        case Verb::acquire: return {scripts::acquire_text, scripts::acquire_sha1, SideKey::fence};
        case Verb::renew: return {scripts::renew_text, scripts::renew_sha1, SideKey::waiters};
        case Verb::release: return {scripts::release_text, scripts::release_sha1, SideKey::waiters};
        case Verb::inspect: break;
    }
    return {scripts::inspect_text, scripts::inspect_sha1, SideKey::fence};
}

// What a script did before that is done.
constexpr std::string_view denied_in_script = "ERR The user executing the script";

struct Meaning {
    std::string_view words;
    Errc error;
};

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
    Meaning{"NOAUTH", Errc::authentication_failed},
    Meaning{"WRONGPASS", Errc::authentication_failed},
    Meaning{"NOPERM", Errc::access_denied},
    Meaning{denied_in_script, Errc::access_denied},
    Meaning{"WRONGTYPE", Errc::corrupt},
    Meaning{"CORRUPT", Errc::corrupt},
};

void fail(Reply& reply, Errc error, std::string detail) {
    reply.outcome = Outcome::failed;
    reply.error = error;
    reply.detail = std::move(detail);
}

// Who holds the key, from `answer`'s element `at` and the pttl behind it. False if that is not what
// they are.
bool decode_holder(wire::ReplyView answer, std::size_t at, Reply& reply) {
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

bool decode_fence(wire::ReplyView element, Reply& reply) noexcept {
    reply.fencing_token = static_cast<std::uint64_t>(element.integer());
    return element.type() == Type::integer && reply.fencing_token < fence_end;
}

// False if the answer is not one of the script's.
bool decode_acquire(wire::ReplyView answer, Reply& reply) {
    if (answer.type() == Type::integer) {
        reply.outcome = Outcome::granted;
        return decode_fence(answer, reply) && reply.fencing_token > least_plain_grant;
    }
    if (answer.at(0).type() != Type::integer) return false;
    const std::int64_t now = answer.at(1).integer();
    if (answer.at(1).type() != Type::integer || now <= 0 || now >= no_limit) return false;
    switch (answer.at(0).integer()) {
        case 1:
            reply.outcome = Outcome::granted;
            return answer.size() == 3 && decode_fence(answer.at(2), reply) &&
                   reply.fencing_token > 0;
        case 0: return decode_holder(answer, 2, reply) && answer.size() == 4;
        case -1:
            fail(reply, Errc::stale, "the server's time was past the deadline of the command");
            return answer.size() == 2;
        default: return false;
    }
}

bool decode_inspect(wire::ReplyView answer, Reply& reply) {
    reply.outcome = Outcome::free;
    if (answer.at(0).type() != Type::integer) return false;
    if (answer.at(0).integer() == 0) return answer.size() == 1;
    return decode_holder(answer, 1, reply) && answer.size() == 4 &&
           decode_fence(answer.at(3), reply);
}

bool decode_flag(wire::ReplyView answer, Outcome yes, Reply& reply) noexcept {
    reply.outcome = answer.integer() == 1 ? yes : Outcome::lost;
    return answer.type() == Type::integer && (answer.integer() == 0 || answer.integer() == 1);
}

// The flag alone, or with the server's time if that was asked for.
bool decode_release(wire::ReplyView answer, Reply& reply) noexcept {
    if (answer.size() == 0) return decode_flag(answer, Outcome::released, reply);
    const wire::ReplyView now = answer.at(1);
    reply.store_time = now.integer();
    return answer.size() == 2 && now.type() == Type::integer && reply.store_time > 0 &&
           reply.store_time < no_limit && decode_flag(answer.at(0), Outcome::released, reply);
}

bool decode_verb(Verb verb, wire::ReplyView answer, Reply& reply) {
    switch (verb) {
        case Verb::acquire: return decode_acquire(answer, reply);
        case Verb::renew: return decode_flag(answer, Outcome::renewed, reply);
        case Verb::release: return decode_release(answer, reply);
        case Verb::inspect: break;
    }
    return decode_inspect(answer, reply);
}

}  // namespace

void append_request(std::string& out, const Request& request, bool whole_script,
                    std::int64_t not_after) {
    const Script script = script_of(request.verb);
    const std::string beside = side_key(request.key, script.side_key);
    const fmt::format_int ttl{request.verb == Verb::release ? request.keep.count()
                                                            : request.ttl.count()};
    const bool acquiring = request.verb == Verb::acquire;
    const fmt::format_int last{acquiring ? not_after : std::int64_t{1}};
    const std::array<std::string_view, 8> arguments{whole_script ? "EVAL" : "EVALSHA",
                                                    whole_script ? script.text : script.sha1,
                                                    "2",
                                                    request.key,
                                                    beside,
                                                    request.token,
                                                    {ttl.data(), ttl.size()},
                                                    {last.data(), last.size()}};
    const std::size_t count = request.verb == Verb::inspect   ? 5
                              : acquiring || request.ask_time ? 8
                                                              : 7;
    wire::append_command(out, std::span{arguments}.first(count));
}

bool wants_script(wire::ReplyView answer) noexcept {
    return answer.is_error() && answer.text().starts_with("NOSCRIPT");
}

// A script that lacks a right is told so by another text, in the midst of it.
bool never_ran(wire::ReplyView answer) noexcept {
    const std::string_view text = answer.text();
    return text.starts_with("NOAUTH") || text.starts_with("WRONGPASS") ||
           text.starts_with("NOPERM");
}

std::int64_t decode(Verb verb, wire::ReplyView answer, Reply& reply) {
    if (answer.is_error()) {
        fail(reply, classify(answer.text()), quote(answer.text()));
        reply.in_part = answer.text().starts_with(denied_in_script);
        return 0;
    }
    if (!decode_verb(verb, answer, reply)) {
        fail(reply, Errc::unexpected_reply, "the answer is none that the script gives");
        return 0;
    }
    if (verb != Verb::acquire) return 0;
    return answer.type() == Type::integer ? answer.integer() : answer.at(1).integer();
}

Errc classify(std::string_view error) noexcept {
    const auto* const found = std::find_if(meanings.begin(), meanings.end(), [&](const Meaning& m) {
        return error.starts_with(m.words);
    });
    return found == meanings.end() ? Errc::unexpected_reply : found->error;
}

std::string quote(std::string_view error) {
    constexpr std::size_t longest = 200;
    std::string text{error.substr(0, std::min(longest, error.find(", with args")))};
    const auto is_control = [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    };
    std::replace_if(text.begin(), text.end(), is_control, ' ');
    return text;
}

}  // namespace leaselock::redis

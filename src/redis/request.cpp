// Requests to commands: which script, in which form, with which keys and arguments.
#include <array>
#include <span>

#include "redis/codec.hpp"
#include "redis/request_kind.hpp"
#include "redis/side_keys.hpp"
#include "redis_scripts.hpp"
#include "wire/command.hpp"

namespace leaselock::redis {
namespace {

struct Script {
    std::string_view text;
    std::string_view by_sha1;            // the first two arguments of its call, as they are written
    std::span<const SideKey> side_keys;  // in their order in KEYS, after the lock
};

constexpr std::array all_keys{SideKey::counter, SideKey::queue, SideKey::waiters, SideKey::holders};
constexpr std::array inspect_keys{SideKey::counter, SideKey::queue, SideKey::holders};
constexpr std::array queue_alone{SideKey::queue};
constexpr std::string_view digits = "0123456789";

// Those of shares need all of the keys.
Script share_script_of(const Request& request) noexcept {
    if (ends_latch(request)) {
        return {scripts::latch_reset_text, scripts::latch_reset_by_sha1, all_keys};
    }
    switch (request.verb) {
        case Verb::acquire:
            if (request.claim.is_latch()) {
                return {scripts::latch_text, scripts::latch_by_sha1, all_keys};
            }
            return {scripts::share_acquire_text, scripts::share_acquire_by_sha1, all_keys};
        case Verb::renew:
            return {scripts::share_renew_text, scripts::share_renew_by_sha1, all_keys};
        default: break;
    }
    return {scripts::share_release_text, scripts::share_release_by_sha1, all_keys};
}

// A release of the whole of a lock that leaves nothing under the key.
bool frees(const Request& request) noexcept {
    return request.verb == Verb::release && !has_share(request) && request.keep.count() == 0;
}

// Whether the release of two keys is tried first. Its answer has no time, and its no is to be read.
bool is_uncontended(const Request& request) noexcept {
    return frees(request) && request.unqueued && !request.ask_time && !request.unread;
}

Script release_script_of(const Request& request, Form form) noexcept {
    if (form == Form::lock_alone) {
        return {scripts::release_lock_alone_text, scripts::release_lock_alone_by_sha1, {}};
    }
    if (form == Form::common && is_uncontended(request)) {
        return {scripts::release_uncontended_text, scripts::release_uncontended_by_sha1,
                queue_alone};
    }
    return {scripts::release_text, scripts::release_by_sha1, all_keys};
}

Script script_of(const Request& request, Form form) noexcept {
    if (has_share(request) && request.verb != Verb::inspect) return share_script_of(request);
    switch (request.verb) {
        case Verb::acquire:
            return {scripts::acquire_text, scripts::acquire_by_sha1,
                    std::span{all_keys}.first<3>()};
        case Verb::renew: return {scripts::renew_text, scripts::renew_by_sha1, {}};
        case Verb::release: return release_script_of(request, form);
        case Verb::inspect: break;
    }
    return {scripts::inspect_text, scripts::inspect_by_sha1, inspect_keys};
}

}  // namespace

void append_request(std::string& out, const Request& request, bool whole_script,
                    std::int64_t not_after, std::string_view channel, Form form) {
    const Script script = script_of(request, form);
    const bool shared = has_share(request) && request.verb != Verb::inspect;
    wire::CommandWriter command;
    if (whole_script) {
        command.add("EVAL");
        command.add(script.text);
    } else {
        command.add_written(script.by_sha1, 2);
    }
    command.add(digits.substr(script.side_keys.size() + 1, 1));
    command.add(request.key);
    if (!script.side_keys.empty()) {
        SideKeys beside{request.key, request.prefix};
        for (const SideKey which : script.side_keys) {
            command.add(beside.before(which), beside.stem(which), beside.after(which));
        }
    }
    if (request.verb != Verb::inspect) command.add(request.token);
    const bool is_whole = form != Form::common || !is_uncontended(request);
    if (request.verb != Verb::inspect && is_whole) {
        command.add((request.verb == Verb::release ? request.keep : request.ttl).count());
    }
    if (request.verb == Verb::release && (request.ask_time || shared)) {
        command.add(request.ask_time ? "1" : "0");
    }
    if (request.verb == Verb::acquire) command.add(not_after);
    if (shared) command.add(std::int64_t{request.claim.count()});
    if (shared && request.verb != Verb::release) command.add(std::int64_t{request.claim.of()});
    if (takes_place(request, channel)) {
        command.add(request.place.count());
        command.add(channel);
    }
    command.append_to(out);
}

std::optional<Form> next_form(const Request& request, Form sent, wire::RespView answer) noexcept {
    if (!frees(request) || sent == Form::lock_alone) return std::nullopt;
    if (answer.is_error()) {
        if (!answer.text().starts_with("TRYAGAIN")) return std::nullopt;
        return Form::lock_alone;
    }
    const bool did_nothing =
        answer.type() == wire::RespView::Type::integer && answer.integer() == 0;
    if (sent != Form::common || !is_uncontended(request) || !did_nothing) return std::nullopt;
    return Form::all_keys;
}

}  // namespace leaselock::redis

// Requests to commands: which script, in which form, with which keys and arguments.
#include <algorithm>
#include <array>
#include <span>

#include "redis/codec.hpp"
#include "redis/request_kind.hpp"
#include "redis/side_keys.hpp"
#include "redis_scripts.hpp"
#include "wire/command.hpp"

namespace leaselock::redis {
namespace {

constexpr std::array all_keys{SideKey::counter, SideKey::queue, SideKey::waiters, SideKey::holders};
constexpr std::array acquire_keys{SideKey::counter, SideKey::queue, SideKey::waiters};
constexpr std::array inspect_keys{SideKey::counter, SideKey::queue, SideKey::holders};
constexpr std::array queue_alone{SideKey::queue};
constexpr std::string_view digits = "0123456789";

// How many keys there are, as an argument is written.
constexpr std::string_view count_before = "$1\r\n";
constexpr std::string_view count_after = "\r\n";

class Script {
  public:
    constexpr Script(std::string_view text, std::string_view by_sha1,
                     std::span<const SideKey> side_keys) noexcept
        : text_{text}, side_keys_{side_keys} {
        char* at = std::copy(by_sha1.begin(), by_sha1.end(), call_.begin());
        at = std::copy(count_before.begin(), count_before.end(), at);
        *at++ = keys().front();
        std::copy(count_after.begin(), count_after.end(), at);
    }

    // The first three arguments of its call.
    void begin(wire::CommandWriter& command, bool whole_script) const {
        if (!whole_script) return command.add_written(call_, 3);
        command.add("EVAL");
        command.add(text_);
        command.add(keys());
    }
    // In their order in KEYS, after the lock.
    [[nodiscard]] constexpr std::span<const SideKey> side_keys() const noexcept {
        return side_keys_;
    }

  private:
    [[nodiscard]] constexpr std::string_view keys() const noexcept {
        return digits.substr(side_keys_.size() + 1, 1);
    }

    std::string_view text_;
    std::span<const SideKey> side_keys_;
    std::array<char, scripts::acquire_by_sha1.size() + count_before.size() + 1 + count_after.size()>
        call_{};  // by EVALSHA, as it is written
};

constexpr Script acquire{scripts::acquire_text, scripts::acquire_by_sha1, acquire_keys};
constexpr Script renew{scripts::renew_text, scripts::renew_by_sha1, {}};
constexpr Script release{scripts::release_text, scripts::release_by_sha1, all_keys};
constexpr Script release_uncontended{scripts::release_uncontended_text,
                                     scripts::release_uncontended_by_sha1, queue_alone};
constexpr Script release_lock_alone{
    scripts::release_lock_alone_text, scripts::release_lock_alone_by_sha1, {}};
constexpr Script inspect{scripts::inspect_text, scripts::inspect_by_sha1, inspect_keys};
// Those of shares need all of the keys.
constexpr Script share_acquire{scripts::share_acquire_text, scripts::share_acquire_by_sha1,
                               all_keys};
constexpr Script share_renew{scripts::share_renew_text, scripts::share_renew_by_sha1, all_keys};
constexpr Script share_release{scripts::share_release_text, scripts::share_release_by_sha1,
                               all_keys};
constexpr Script latch{scripts::latch_text, scripts::latch_by_sha1, all_keys};
constexpr Script latch_reset{scripts::latch_reset_text, scripts::latch_reset_by_sha1, all_keys};

const Script& share_script_of(const Request& request) noexcept {
    if (ends_latch(request)) return latch_reset;
    switch (request.verb) {
        case Verb::acquire: return request.claim.is_latch() ? latch : share_acquire;
        case Verb::renew: return share_renew;
        default: break;
    }
    return share_release;
}

// A release of the whole of a lock that leaves nothing under the key.
bool frees(const Request& request) noexcept {
    return request.verb == Verb::release && !has_share(request) && request.keep.count() == 0;
}

// Whether the release of two keys is tried first. Its answer has no time, and its no is to be read.
bool is_uncontended(const Request& request) noexcept {
    return frees(request) && request.unqueued && !request.ask_time && !request.unread;
}

const Script& release_script_of(const Request& request, Form form) noexcept {
    if (form == Form::lock_alone) return release_lock_alone;
    return form == Form::common && is_uncontended(request) ? release_uncontended : release;
}

const Script& script_of(const Request& request, Form form) noexcept {
    if (request.verb == Verb::inspect) return inspect;
    if (has_share(request)) return share_script_of(request);
    switch (request.verb) {
        case Verb::acquire: return acquire;
        case Verb::renew: return renew;
        default: break;
    }
    return release_script_of(request, form);
}

void add_keys(wire::CommandWriter& command, const Request& request,
              std::span<const SideKey> side_keys) {
    command.add(request.key);
    SideKeys beside{request.key, request.prefix};
    for (const SideKey which : side_keys) {
        command.add(beside.before(which), beside.stem(which), beside.after(which));
    }
}

}  // namespace

void append_request(std::string& out, const Request& request, bool whole_script,
                    std::int64_t not_after, std::string_view channel, Form form) {
    const Script& script = script_of(request, form);
    wire::CommandWriter command;
    script.begin(command, whole_script);
    add_keys(command, request, script.side_keys());
    if (request.verb == Verb::inspect) return command.append_to(out);
    const bool shared = has_share(request);
    command.add(request.token);
    if (request.verb == Verb::release) {
        if (&script != &release_uncontended) command.add(request.keep.count());
        if (request.ask_time || shared) command.add(request.ask_time ? "1" : "0");
    } else {
        command.add(request.ttl.count());
    }
    if (request.verb == Verb::acquire) command.add(not_after);
    if (shared) command.add(std::int64_t{request.claim.count()});
    if (shared && request.verb != Verb::release) command.add(std::int64_t{request.claim.of()});
    if (takes_entry(request, channel)) {
        command.add(request.entry_life.count());
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

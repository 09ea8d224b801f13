#include "admin/admin.hpp"

#include <algorithm>
#include <deque>
#include <fmt/format.h>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <leaselock/detail/blocking_call.hpp>
#include <leaselock/detail/claim_mark.hpp>
#include <leaselock/printable.hpp>

#include "admin/self_check.hpp"
#include "core/core.hpp"
#include "core/event.hpp"
#include "core/execute.hpp"
#include "core/reply_check.hpp"
#include "core/validation.hpp"

namespace leaselock::detail {
namespace {

// What an operation asks for is there as long as this: a key that was checked, at its backend.
struct Target {
    Backend* backend = nullptr;
    std::size_t prefix = 0;  // of the key's bytes
    std::string full_key{};
};

bool find(Core& core, std::string_view key, std::string_view backend, Target& target,
          Failure& failure) {
    if (!check_key(core.options().prefix, key, failure)) return false;
    target.backend = core.backend_for(backend, failure);
    target.prefix = core.options().prefix.size();
    target.full_key = core.options().prefix + std::string(key);
    return target.backend != nullptr;
}

Request inspection(std::string_view full_key, std::size_t prefix, Clock::time_point now,
                   Clock::time_point deadline = Clock::time_point::max()) noexcept {
    return {.verb = Verb::inspect,
            .key = full_key,
            .prefix = prefix,
            .submitted = now,
            .deadline = deadline};
}

bool failed(const Reply& reply, std::string_view key, Failure& failure) {
    if (reply.outcome != Outcome::failed) return false;
    failure.set(reply.error, fmt::format("lock '{}': {}", key, reply.detail));
    return true;
}

LockInfo info_of(const Reply& reply) {
    if (reply.outcome != Outcome::held) return {.waiting = reply.waiting};
    const std::string_view owner = owner_of(reply.holder);
    const std::optional<Claim> use = use_of(reply.holder);
    const bool ours = use || !owner.empty();
    return {.held = true,
            .use = !use                      ? KeyUse::whole
                   : use->is_latch()         ? KeyUse::latch
                   : *use == Claim::reader() ? KeyUse::readers
                                             : KeyUse::permits,
            .taken = use ? reply.shares : 0,
            .of = use ? use->of() : 0,
            .owner = std::string(owner),
            .remaining = reply.remaining,
            .fencing_token = ours ? reply.fencing_token : 0,  // else of an earlier holder
            .kept = reply.kept,
            .waiting = reply.waiting};
}

void tell_forced(Core& core, std::string_view key, const LockInfo& freed) noexcept {
    if (!core.runtime().notifier().observed()) return;
    LockEvent event{};
    try {
        event.key = key;
        event.owner = freed.owner;
    } catch (const std::bad_alloc&) {
        // The numbers are still worth telling.
    }
    event.fencing_token = freed.fencing_token;
    core.runtime().notifier().tell(&Observer::on_force_released, std::move(event));
}

}  // namespace

bool inspect(Core& core, std::string_view key, std::string_view backend, LockInfo& info,
             Failure& failure) {
    Target target;
    if (!find(core, key, backend, target, failure)) return false;
    Operation operation{inspection(target.full_key, target.prefix, core.clock().now())};
    execute(core.clock(), *target.backend, operation);
    if (failed(operation.reply, key, failure)) return false;
    info = info_of(operation.reply);
    return true;
}

// Only the holder that was seen is hit: a release with another's token changes nothing.
bool force_release(Core& core, std::string_view key, std::string_view backend, LockInfo& freed,
                   Failure& failure) {
    Target target;
    if (!find(core, key, backend, target, failure) || !core.runtime().tells(failure)) return false;
    Operation seen{inspection(target.full_key, target.prefix, core.clock().now())};
    const Clock::time_point now = execute(core.clock(), *target.backend, seen);
    if (failed(seen.reply, key, failure)) return false;
    freed = {};
    if (seen.reply.outcome != Outcome::held) return true;
    const std::string token = std::string(seen.reply.kept ? kept_mark : "") + seen.reply.holder;
    Operation release{{.verb = Verb::release,
                       .key = target.full_key,
                       .prefix = target.prefix,
                       .token = token,
                       .submitted = now}};
    execute(core.clock(), *target.backend, release);
    if (core.runtime().local_queue().busy())
        core.runtime().local_queue().released(*target.backend, target.full_key);
    if (failed(release.reply, key, failure)) return false;
    if (release.reply.outcome != Outcome::released) return true;
    freed = info_of(seen.reply);
    tell_forced(core, key, freed);
    return true;
}

bool end_latch(Core& core, std::string_view key, std::string_view backend, int count,
               Failure& failure) {
    Target target;
    if (!find(core, key, backend, target, failure)) return false;
    const std::string token = std::string(latch_mark) + std::to_string(count);
    Operation release{{.verb = Verb::release,
                       .key = target.full_key,
                       .prefix = target.prefix,
                       .token = token,
                       .claim = Claim::await(count),
                       .submitted = core.clock().now()}};
    execute(core.clock(), *target.backend, release);
    return !failed(release.reply, key, failure);
}

namespace {

// How many inspects leave in one write, and how long all of a list may take.
constexpr std::size_t batch_size = 64;
constexpr std::chrono::minutes longest_list{1};

// What is left of the keys that have no prefix any more and may be a lock's.
std::vector<std::string> keys_of(const Core& core, const std::vector<std::string>& found) {
    Failure ignored;
    const std::string& prefix = core.options().prefix;
    std::vector<std::string> keys;
    for (const std::string& full : found) {
        if (!full.starts_with(prefix)) continue;
        const std::string_view key = std::string_view{full}.substr(prefix.size());
        if (check_key(prefix, key, ignored)) keys.emplace_back(key);
    }
    // A walk through a table that grows may meet a key more than once.
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    return keys;
}

// Inspects some keys at once; adds those that are held. What is no lock is left out.
bool inspect_all(Core& core, Backend& backend, std::span<const std::string> keys,
                 Clock::time_point until, std::vector<ListedLock>& locks, Failure& failure) {
    const Clock::time_point now = core.clock().now();
    if (now >= until) {
        failure.set(Errc::command_timed_out,
                    fmt::format("list: {} locks were found within {} s, and not all keys were "
                                "looked at: name fewer",
                                locks.size(), std::chrono::seconds{longest_list}.count()));
        return false;
    }
    const std::size_t prefix = core.options().prefix.size();
    std::deque<std::string> full_keys;
    std::deque<Operation> inspections;
    std::vector<Operation*> all;
    for (const std::string& key : keys) {
        full_keys.push_back(core.options().prefix + key);
        all.push_back(&inspections.emplace_back(inspection(full_keys.back(), prefix, now, until)));
    }
    std::deque<BlockingCall> calls;
    for (Operation* const each : all) calls.emplace_back(*each);
    backend.submit(all);
    for (BlockingCall& each : calls) each.finish(backend, core.clock());
    for (Operation* const each : all) check_reply(*each);
    for (std::size_t i = 0; i < keys.size(); ++i) {
        // Others need the connection, too.
        std::optional<Operation> again;
        if (inspections[i].reply.error == Errc::too_many_in_flight) {
            execute(core.clock(), backend,
                    again.emplace(inspection(full_keys[i], prefix, core.clock().now(), until)));
        }
        const Reply& reply = again ? again->reply : inspections[i].reply;
        const bool no_lock = reply.outcome == Outcome::failed &&
                             (reply.error == Errc::corrupt || reply.error == Errc::invalid_key);
        if (no_lock) continue;
        if (failed(reply, keys[i], failure)) return false;
        if (reply.outcome == Outcome::held) locks.push_back({keys[i], info_of(reply)});
    }
    return true;
}

bool check_pattern(std::string_view pattern, Failure& failure) {
    if (!pattern.empty() && pattern.size() <= max_pattern_bytes) return true;
    failure.set(Errc::invalid_option, fmt::format("pattern has {} bytes, allowed are 1 to {}",
                                                  pattern.size(), max_pattern_bytes));
    return false;
}

}  // namespace

std::vector<ListedLock> list(Core& core, std::string_view pattern, std::string_view backend_name) {
    Failure failure;
    if (!check_pattern(pattern, failure)) failure.raise();
    Backend* const backend = core.backend_for(backend_name, failure);
    if (backend == nullptr) failure.raise();
    const std::vector<std::string> keys =
        keys_of(core, backend->list(core.options().prefix, pattern));
    const Clock::time_point until = saturating_add(core.clock().now(), longest_list);
    std::vector<ListedLock> locks;
    for (std::span<const std::string> rest{keys}; !rest.empty();) {
        const std::size_t count = std::min(rest.size(), batch_size);
        if (!inspect_all(core, *backend, rest.first(count), until, locks, failure)) failure.raise();
        rest = rest.subspan(count);
    }
    return locks;
}

std::vector<Finding> check(Core& core, std::string_view backend_name, CheckDepth depth) {
    Failure failure;
    Backend* const backend = core.backend_for(backend_name, failure);
    if (backend == nullptr) failure.raise();
    std::vector<Finding> findings;
    self_check(core.options(), *backend, findings);
    backend->examine(findings);
    backend->examine_prefix(core.options().prefix, depth, findings);
    for (Finding& finding : findings) {
        for (std::string* const text : {&finding.subject, &finding.found, &finding.advice}) {
            *text = printable(*text);
        }
    }
    return findings;
}

}  // namespace leaselock::detail

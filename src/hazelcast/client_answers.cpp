// What a member says, and what follows from that.
#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <utility>

#include <leaselock/error.hpp>
#include <leaselock/printable.hpp>

#include "hazelcast/client.hpp"

namespace leaselock::hazelcast {
namespace {

using std::chrono::milliseconds;

// Before what a member has refused is sent again.
constexpr std::chrono::seconds pause_after_error{1};

milliseconds until(Clock::time_point end, Clock::time_point from) noexcept {
    return std::max(std::chrono::floor<milliseconds>(end - from), milliseconds{0});
}

struct Meaning {
    std::string_view name;
    Errc error;
};
// By the names of the members' exceptions. What is not here may have run.
constexpr std::array meanings{
    Meaning{"AccessControlException", Errc::access_denied},
    Meaning{"AuthenticationException", Errc::authentication_failed},
    Meaning{"UnsupportedOperationException", Errc::not_supported},
    Meaning{"CannotCreateRaftGroupException", Errc::cluster_down},
};

Errc meaning_of(const Error& error) noexcept {
    for (const Meaning& each : meanings) {
        if (each.name == error.name) return each.error;
    }
    if (error.text.find("licen") != std::string::npos) return Errc::not_supported;
    return Errc::unexpected_reply;
}

std::string words_of(const Error& error) {
    constexpr std::size_t longest = 200;
    return printable(fmt::format("{}: {}", error.name, error.text.substr(0, longest)));
}

}  // namespace

void Client::connected(const Uuid& cluster, Time now) {
    is_connected_ = true;
    refusal_.clear();
    heard_ = now;
    ping_sent_ = Time::max();
    // Another cluster under the same name, or the same one after all of it has been restarted.
    if (std::exchange(cluster_, cluster) != cluster) {
        while (!sessions_.empty()) end_session(SessionPtr{sessions_.front()}, now);
        group_.reset();
    }
    send({.what = Ask::watch_cluster, .sent = now},
         [](std::string& out, std::uint64_t correlation) { ask_watch_cluster(out, correlation); });
    // Groups are known to a group of their own, which may have lost its leader while ours is well.
    if (group_) return resume(now);
    send({.what = Ask::create_group, .sent = now},
         [&](std::string& out, std::uint64_t correlation) {
             ask_group(out, correlation, settings_.group);
         });
}

void Client::disconnected(Errc error, std::string_view why, Time now) noexcept {
    is_connected_ = is_ready_ = is_creating_ = false;
    error_ = error;
    out_.clear();
    auto calls = std::exchange(calls_, {});
    for (auto& [correlation, call] : calls) {
        // What was lost may run for as long as its session lives: that gets nothing new any more.
        if (call.session == session_ && call.claimant != nullptr) session_ = nullptr;
        if (call.what == Ask::try_lock) --call.claimant->unanswered;
        Pending* const pending = call.pending;
        lost(call, now);
        if (pending != nullptr && call.what == Ask::try_lock) give_up(*pending, error, why, now);
    }
    // An unlock that was lost, or could not be sent, is of a lock that nobody else wants to renew.
    for (const auto& [thread, claimant] : claimants_) set_due(*claimant);
}

// What a call leaves that will not be answered. All but a try is sent again.
void Client::lost(Call& call, Time now) noexcept {
    if (call.pending != nullptr) call.pending->correlation = 0;
    if (call.what == Ask::heartbeat) call.session->is_beating = false;
    if (call.what == Ask::create_session) is_creating_ = false;
    if (call.claimant == nullptr) return;
    Claimant& claimant = *call.claimant;
    // The caller drives all that waits for an unlock, or the next connection does.
    if (call.what == Ask::unlock) (void)unlock_is_over(claimant);
    if (claimant.session != call.session) return;  // that one has ended meanwhile
    if (call.what == Ask::try_lock) {
        if (claimant.parked_by == call.number) claimant.parked_by = 0;
        claimant.late_until = std::max(claimant.late_until, now + call_timeout);
    } else if (call.what == Ask::unlock) {
        claimant.unlocking = std::max(claimant.unlocking - 1, 0);
        if (claimant.unlock_call == Uuid{}) claimant.unlock_call = new_call();
        claimant.next_unlock = now;
    }
}

bool Client::break_off(Errc error, std::string_view why) {
    error_ = error;
    why_ = why;
    return false;
}

bool Client::received(const Message& message, Time now) {
    heard_ = now;
    ping_sent_ = Time::max();
    if (message.is_event()) {
        if (auto members = members_of(message)) members_ = std::move(*members);
        return true;
    }
    const auto found = calls_.find(message.correlation());
    if (found == calls_.end()) return true;
    Call call = std::move(found->second);
    calls_.erase(found);
    if (call.pending != nullptr) call.pending->correlation = 0;
    if (call.what == Ask::try_lock) --call.claimant->unanswered;
    error_ = Errc::protocol_error;
    try {
        if (is_error(message)) {
            const auto error = error_of(message);
            if (error) return failed(call, *error, now);
        } else if (hazelcast::answers(message, call.what) && answered(call, message, now)) {
            return true;
        }
    } catch (const std::bad_alloc&) {
        lost(call, now);
        throw;
    }
    lost(call, now);
    if (error_ != Errc::protocol_error) return false;
    return break_off(Errc::protocol_error, "what came cannot be read, or is no answer to this");
}

bool Client::answered(Call& call, const Message& message, Time now) {
    switch (call.what) {
        case Ask::try_lock: {
            const auto fence = fence_of(message);
            if (fence) call.waits ? waited(call, *fence, now) : tried(call, *fence, now);
            return fence.has_value();
        }
        case Ask::unlock: {
            const auto held = still_held_of(message);
            if (held) *held ? unlocked_once(call, now) : unlocked(call, true, now);
            return held.has_value();
        }
        case Ask::ownership: {
            const auto owner = ownership_of(message);
            if (owner) owner_answered(call, *owner, now);
            return owner.has_value();
        }
        case Ask::create_group: {
            const auto group = group_of(message);
            return group && took_group(*group, now);
        }
        case Ask::create_session: {
            const auto terms = session_of(message);
            if (terms) took_session(call, *terms, now);
            return terms.has_value();
        }
        case Ask::heartbeat:
            call.session->is_beating = false;
            call.session->valid_until =
                std::max(call.session->valid_until, call.sent + call.session->ttl);
            call.session->next_beat = call.sent + call.session->interval;
            drive_all(now);
            return true;
        case Ask::close_session: sessions_.remove(call.session); return true;
        default: return true;
    }
}

bool Client::took_group(const Group& group, Time now) {
    // Without a CP subsystem a member answers for every group, with locks that promise nothing.
    if (group.name != settings_.group) {
        return break_off(Errc::not_supported,
                         "the cluster has no CP subsystem: cp-member-count is not set there");
    }
    group_ = group;
    resume(now);
    return true;
}

void Client::resume(Time now) {
    is_ready_ = true;
    for (const auto& [thread, claimant] : claimants_) {
        if (claimant->is_parked && claimant->parked_by == 0 && !claimant->is_leaving) {
            park(claimant->shared_from_this(), now);
        }
    }
    for (const SessionPtr& session : sessions_) {
        if (session->uses > 0) beat(session, now);
    }
    drive_all(now);
    for (const auto& [thread, claimant] : claimants_) set_due(*claimant);
}

void Client::took_session(const Call& call, const SessionTerms& terms, Time now) {
    is_creating_ = false;
    auto session = std::make_shared<Session>();
    session->id = terms.session;
    session->ttl = terms.ttl;
    session->interval = std::min(terms.heartbeat, terms.ttl / 3);
    session->valid_until = call.sent + terms.ttl;
    session->next_beat = call.sent + session->interval;
    sessions_.push_back(session);
    session_ = std::move(session);
    drive_all(now);
}

bool Client::failed(Call& call, const Error& error, Time now) {
    const bool is_over = error.is(Fault::session_expired);
    if (is_over && call.session != nullptr) end_session(call.session, now);
    if (call.what == Ask::unlock && (is_over || error.is(Fault::not_owner))) {
        if (is_over && call.pending != nullptr) {
            call.pending->operation->reply.error = Errc::session_expired;
        }
        unlocked(call, false, now);
    }
    if (is_over && (call.session != nullptr || call.what == Ask::unlock)) {
        drive_all(now);
        return true;
    }
    if (error.is(Fault::not_owner) && call.what == Ask::unlock) return true;
    if (error.is(Fault::wait_cancelled) && call.waits) {
        waited(call, 0, now);
        return true;
    }
    const Errc meaning = meaning_of(error);
    const std::string words = words_of(error);
    if (call.what == Ask::create_group || error.is(Fault::group_destroyed)) {
        lost(call, now);
        while (!sessions_.empty()) end_session(SessionPtr{sessions_.front()}, now);
        group_.reset();
        return break_off(meaning == Errc::unexpected_reply ? Errc::cluster_down : meaning, words);
    }
    Pending* const pending = call.pending;
    call.pending = nullptr;
    lost(call, now);
    if (call.what == Ask::create_session && session_ == nullptr) fail_new(meaning, words);
    if (call.what == Ask::heartbeat) call.session->next_beat = now + call.session->interval;
    if (pending != nullptr) give_up(*pending, meaning, words, now);
    if (call.claimant == nullptr) return true;
    // It may run as late as one that was lost with its connection, and its copy before it.
    if (call.what == Ask::unlock && call.session == session_) session_ = nullptr;
    Claimant& claimant = *call.claimant;
    const bool is_its_own = claimant.session == call.session;
    if (is_its_own) claimant.next_unlock = now + pause_after_error;
    if (call.waits && is_its_own && !claimant.is_leaving) {
        claimant.is_parked = false;
        ask_to_poll(claimant);
    }
    tidy(claimant);
    if (call.what == Ask::unlock) drive_all(now);
    return true;
}

void Client::granted(Claimant& claimant, std::uint64_t fence, Time now) {
    if (!std::exchange(claimant.is_held, true)) ++claimant.session->grants;
    claimant.fence = fence;
    claimant.is_open = false;
    claimant.lease_ends =
        std::max({claimant.lease_ends, claimant.session->valid_until, now + milliseconds{1}});
    set_due(claimant);
}

// The cluster takes a try for a heartbeat, too.
void Client::tried(Call& call, std::uint64_t fence, Time now) {
    Claimant& claimant = *call.claimant;
    Session& session = *call.session;
    Pending* const pending = call.pending;
    if (claimant.session != call.session) {  // that one has ended meanwhile
        return pending == nullptr ? tidy(claimant) : drive(*pending, now);
    }
    session.valid_until = std::max(session.valid_until, call.sent + session.ttl);
    if (claimant.is_leaving) {
        fence > 0 ? leave(call.claimant, nullptr, now) : settle(call.claimant, now);
        return pending == nullptr ? void() : drive(*pending, now);
    }
    // A copy of it was answered before, and has been followed by another try, or a wait.
    if (pending == nullptr && call.uid != claimant.call) return tidy(claimant);
    if (fence > 0) {
        granted(claimant, fence, now);
        if (pending == nullptr) return;
        Reply& reply = pending->operation->reply;
        reply.outcome = Outcome::granted;
        reply.fencing_token = fence;
        reply.ttl = until(session.valid_until, pending->operation->request.submitted);
        return finish(*pending);
    }
    claimant.is_open = false;
    claimant.is_held = false;
    if (pending == nullptr) return tidy(claimant);
    pending->was_tried = true;
    if (pending->operation->request.listener != nullptr) {
        claimant.call = new_call();
        park(call.claimant, now);
    }
    ask_owner(*pending, claimant.lock, now);
}

// An entry in the queue has ended: by a grant, or without.
void Client::waited(Call& call, std::uint64_t fence, Time now) {
    const ClaimantPtr& claimant = call.claimant;
    if (claimant->session != call.session) return tidy(*claimant);
    if (claimant->parked_by == call.number) claimant->is_parked = false;
    if (claimant->is_leaving) {
        return fence > 0 ? leave(claimant, nullptr, now) : settle(claimant, now);
    }
    if (fence == 0) {
        // An older call of the same token has ended it, and waits now, or has the lock. It was
        // granted already if the owner was read before this came.
        if (claimant->is_held) return set_due(*claimant);
        ask_to_poll(*claimant);
        return now < claimant->late_until ? leave(claimant, nullptr, now) : tidy(*claimant);
    }
    granted(*claimant, fence, now);
    if (claimant->listener == nullptr) return;
    const milliseconds ttl = until(call.session->valid_until, claimant->poll_sent);
    wake(claimant->listener->handed_over({fence, ttl}));
}

void Client::owner_answered(Call& call, const Ownership& owner, Time now) {
    if (call.pending == nullptr) return;
    Pending& pending = *call.pending;
    const Request& request = pending.operation->request;
    Reply& reply = pending.operation->reply;
    if (request.verb == Verb::inspect) {
        reply.outcome = owner.count > 0 ? Outcome::held : Outcome::free;
        held_by(reply, std::string{request.key}, owner, now);
        return finish(pending);
    }
    Claimant& claimant = *pending.claimant;
    if (claimant.is_leaving) return drive(pending, now);
    const bool is_ours = claimant.session != nullptr && owner.count > 0 &&
                         owner.session == claimant.session->id && owner.thread == claimant.thread;
    if (is_ours) {
        reply.ttl = until(claimant.session->valid_until, request.submitted);
        reply.outcome = request.verb == Verb::renew ? Outcome::renewed : Outcome::granted;
        reply.fencing_token = owner.fence;
        granted(claimant, owner.fence, now);
    } else if (request.verb == Verb::renew) {
        lose(pending, &claimant);
        claimant.is_held = false;
        tidy(claimant);
    } else if (std::exchange(claimant.is_held, false)) {
        return drive(pending, now);
    } else {
        reply.outcome = Outcome::held;
        held_by(reply, claimant.key, owner, now);
        if (claimant.is_parked && request.listener != nullptr) {
            reply.queued = reply.told = reply.deaths_told = true;
            claimant.listener = request.listener;
            claimant.poll_sent = request.submitted;
            claimant.entry_ends = detail::saturating_add(now, request.entry_life);
        }
    }
    finish(pending);
}

// A holder of another session is known by its numbers alone, and its lease as one of ours would be.
void Client::held_by(Reply& reply, const std::string& key, const Ownership& owner, Time now) {
    reply.fencing_token = owner.fence;
    if (owner.count == 0) return;
    if (const Claimant* const ours = holder(key, owner)) {
        reply.holder = ours->token;
        reply.remaining = until(ours->lease_ends, now);
        return;
    }
    reply.holder = stranger(owner.session, owner.thread);
    reply.remaining = session_ == nullptr ? milliseconds{1} : session_->ttl;
}

}  // namespace leaselock::hazelcast

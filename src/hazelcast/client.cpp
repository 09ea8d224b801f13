#include "hazelcast/client.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <random>
#include <utility>

#include <leaselock/error.hpp>

#include "base/words.hpp"

namespace leaselock::hazelcast {
namespace {

std::uint64_t random_bits() {
    std::random_device random;
    return std::uint64_t{random()} << 32U | random();
}

std::int64_t microseconds_of(Clock::time_point time) noexcept {
    return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

}  // namespace

Client::Client(Settings settings, std::string endpoint)
    : settings_{std::move(settings)}, endpoint_{std::move(endpoint)}, random_{random_bits()} {}

// Shares, latches and min_hold are not promised.
bool Client::refuse(Operation& operation) {
    const Request& request = operation.request;
    const char* what = nullptr;
    if (request.verb != Verb::inspect && !request.claim.is_exclusive()) {
        what = "shares and latches";
    } else if (request.min_hold.count() != 0 || request.keep.count() != 0) {
        what = "min_hold";
    }
    if (what == nullptr) return false;
    operation.reply.error = Errc::not_supported;
    operation.reply.detail = fmt::format("a Hazelcast cluster has no {}", what);
    return true;
}

void Client::submit(Operation& operation, Time now) {
    pending_.push_back({&operation, {}});
    Pending& pending = pending_.back();
    pending.self = std::prev(pending_.end());
    pending.expires = detail::saturating_add(now, settings_.command_timeout);
    operation.slot = &pending;
    if (operation.submitter == Submitter::passes_by) ++posted_;
    try {
        if (refuse(operation)) return finish(pending);
        if (pending_.size() > settings_.max_in_flight) {
            return fail(pending, Errc::too_many_in_flight,
                        fmt::format("max_in_flight = {}", settings_.max_in_flight));
        }
        if (operation.request.deadline <= now) {
            return fail(pending, Errc::stale, "its deadline is over");
        }
        if (operation.request.verb == Verb::acquire) {
            pending.claimant = claimant_of(operation.request);
            ++pending.claimant->pending;
        }
        drive(pending, now);
    } catch (const std::bad_alloc&) {
        if (!pending.is_done && !pending.was_sent) fail(pending, Errc::connect_failed, "no memory");
    }
}

// To the next step of an operation that waits.
void Client::drive(Pending& pending, Time now) {
    if (pending.correlation != 0) return;
    switch (pending.operation->request.verb) {
        case Verb::acquire: return acquire(pending, now);
        case Verb::renew: return renew(pending, now);
        case Verb::release: return release(pending, now);
        case Verb::inspect:
            return ask_owner(pending, lock_name(pending.operation->request.key), now);
    }
}

void Client::drive_all(Time now) {
    for (auto each = pending_.begin(); each != pending_.end();) {
        Pending& pending = *each++;
        drive(pending, now);
    }
}

void Client::acquire(Pending& pending, Time now) {
    pending.claimant->has_expired = false;
    if (!is_ready_) return;
    if (pending.claimant->is_leaving) {
        if (!is_left(pending)) return;
        go_on_as_another(pending, now);
    }
    Claimant& claimant = *pending.claimant;
    if (!has_fresh_session(claimant, now) || !is_unlocked(pending)) return;
    // Another try would take the lock once more, or end the wait.
    if (claimant.is_parked || claimant.is_held || pending.was_tried) {
        return ask_owner(pending, claimant.lock, now);
    }
    if (!claimant.is_open) claimant.call = new_call();
    claimant.is_open = true;
    const Caller caller{claimant.session->id, claimant.thread, claimant.call};
    send({.what = Ask::try_lock,
          .sent = now,
          .pending = &pending,
          .claimant = pending.claimant,
          .session = claimant.session,
          .uid = claimant.call},
         [&](std::string& out, std::uint64_t correlation) {
             ask_try_lock(out, correlation, *group_, claimant.lock, caller, {});
         });
}

// What is not ours as far as we know is lost without a question. A heartbeat that was sent before
// this does not count for it, so that a renewed lease is a whole one; those of a round share the
// next.
void Client::renew(Pending& pending, Time now) {
    const Request& request = pending.operation->request;
    if (pending.claimant == nullptr) pending.claimant = find(request.key, request.token);
    const ClaimantPtr& claimant = pending.claimant;
    if (claimant == nullptr || !claimant->is_held || claimant->is_leaving) {
        lose(pending, claimant.get());
        return finish(pending);
    }
    if (!is_ready_) return;
    const SessionPtr session = claimant->session;
    if (session->valid_until < request.submitted + session->ttl) return beat(session, now);
    ask_owner(pending, claimant->lock, now);
}

void Client::ask_owner(Pending& pending, std::string_view lock, Time now) {
    if (!is_ready_) return;
    send({.what = Ask::ownership, .sent = now, .pending = &pending, .claimant = pending.claimant},
         [&](std::string& out, std::uint64_t correlation) {
             ask_ownership(out, correlation, *group_, lock);
         });
}

// A token that we know nothing of has nothing; but one that names the holder of the lock by its
// session and thread is from a look at it, for a release by force.
void Client::release(Pending& pending, Time now) {
    const Request& request = pending.operation->request;
    std::uint64_t session = 0;
    std::uint64_t thread = 0;
    const ClaimantPtr claimant = find(request.key, request.token);
    if (claimant != nullptr && claimant->session != nullptr) return leave(claimant, &pending, now);
    if (!read_stranger(request.token, session, thread)) {
        lose(pending, claimant.get());
        if (claimant != nullptr) drop(*claimant);
        pending.operation->reply.store_time = microseconds_of(now);
        return finish(pending);
    }
    if (!is_ready_) return;
    send({.what = Ask::unlock, .sent = now, .pending = &pending},
         [&](std::string& out, std::uint64_t correlation) {
             ask_unlock(out, correlation, *group_, lock_name(request.key),
                        {session, thread, new_call()});
         });
}

void Client::lose(Pending& pending, Claimant* claimant) noexcept {
    Reply& reply = pending.operation->reply;
    reply.outcome = Outcome::lost;
    if (claimant == nullptr || !claimant->has_expired) return;
    reply.error = Errc::session_expired;
    drop(*claimant);
}

// It is completed by the thread that takes it out.
void Client::finish(Pending& pending) noexcept {
    if (pending.correlation != 0) {
        const auto call = calls_.find(pending.correlation);
        if (call != calls_.end()) call->second.pending = nullptr;
    }
    if (std::exchange(pending.waits_for_unlock, false)) {
        std::erase(unlocking_.find(pending.claimant->lock)->second.waiting, &pending);
    }
    if (pending.claimant != nullptr && pending.operation->request.verb == Verb::acquire) {
        --pending.claimant->pending;
        tidy(*pending.claimant);
    }
    if (pending.operation->submitter == Submitter::passes_by) --posted_;
    pending.is_done = true;
    done_.splice(done_.end(), pending_, pending.self);
}

Operation* Client::take_done() noexcept {
    if (done_.empty()) return nullptr;
    Operation* const operation = done_.front().operation;
    operation->slot = nullptr;
    done_.pop_front();
    return operation;
}

void Client::fail(Pending& pending, Errc error, std::string_view why) noexcept {
    Reply& reply = pending.operation->reply;
    reply.outcome = Outcome::failed;
    reply.error = error;
    try {
        reply.detail = fmt::format("{}: {}", settings_.name, why);
    } catch (const std::bad_alloc&) {
        reply.detail.clear();  // the code says enough
    }
    finish(pending);
}

// What was sent may have run, or may run yet.
void Client::give_up(Pending& pending, Errc error, std::string_view why, Time now) noexcept {
    const bool is_acquire = pending.operation->request.verb == Verb::acquire;
    if (is_acquire && pending.claimant->is_open) {
        Claimant& claimant = *pending.claimant;
        claimant.late_until = std::max(claimant.late_until, now + call_timeout);
        pending.operation->reply.not_after = microseconds_of(claimant.late_until);
    }
    fail(pending, error, why);
}

void Client::cancel(Operation& operation, Time now) noexcept {
    auto* const pending = static_cast<Pending*>(operation.slot);
    if (pending == nullptr || pending->is_done) return;
    if (pending->was_sent) {
        give_up(*pending, Errc::command_timed_out, "no answer until the deadline", now);
    } else {
        const bool is_refused = !is_connected_ && !refusal_.empty();
        give_up(*pending, Errc::connect_failed,
                is_refused ? refusal_ : std::string_view{"no connection until the deadline"}, now);
    }
}

void Client::fail_waiting(Errc error, std::string_view why) noexcept {
    for (auto each = pending_.begin(); each != pending_.end();) {
        Pending& pending = *each++;
        if (pending.correlation == 0) fail(pending, error, why);
    }
}

void Client::fail_new(Errc error, std::string_view why) noexcept {
    for (auto each = pending_.begin(); each != pending_.end();) {
        Pending& pending = *each++;
        const Claimant* const claimant = pending.claimant.get();
        if (claimant != nullptr && claimant->session == nullptr) fail(pending, error, why);
    }
}

void Client::forget(Listener& listener) noexcept {
    const auto claimant = claimants_.equal_range(thread_of(listener.token()));
    for (auto each = claimant.first; each != claimant.second; ++each) {
        if (each->second->listener == &listener) each->second->listener = nullptr;
    }
}

void Client::refused(Errc error, std::string_view why) noexcept {
    base::keep_words(refusal_, why);
    fail_waiting(error, why);
}

bool Client::wants_connection() const noexcept { return !pending_.empty() || !due_.empty(); }

}  // namespace leaselock::hazelcast

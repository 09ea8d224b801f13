// Sessions, and what the tokens of this backend have at the cluster.
#include <algorithm>
#include <new>
#include <utility>

#include "hazelcast/client.hpp"

namespace leaselock::hazelcast {
namespace {

using std::chrono::milliseconds;

// Between the numbers of the threads that a token is, one after the other.
constexpr std::uint64_t odd = 0x9E3779B97F4A7C15;
// Between two unlocks of a token whose wait has not ended yet.
constexpr std::chrono::seconds between_unlocks{1};
// A wait ends by our unlock, or with its session; the time is only there since one has to be named.
constexpr std::chrono::hours longest_wait{24 * 365};

}  // namespace

Client::ClaimantPtr Client::find(std::string_view key, std::string_view token) const {
    const auto same = claimants_.equal_range(thread_of(token));
    for (auto each = same.first; each != same.second; ++each) {
        const Claimant& known = *each->second;
        if (!known.is_retired && known.key == key && known.token == token) return each->second;
    }
    return nullptr;
}

// Which of our tokens that is; null: none that has a use for the lock.
const Claimant* Client::holder(const std::string& key, const Ownership& owner) const {
    const auto is_holder = [&](const auto& each) {
        const Claimant& known = *each.second;
        return !known.is_retired && known.thread == owner.thread && known.key == key &&
               known.session != nullptr && known.session->id == owner.session;
    };
    const auto named = claimants_.equal_range(owner.thread);
    const auto found = std::find_if(named.first, named.second, is_holder);
    if (found != named.second) return found->second.get();
    const bool is_ours = std::any_of(sessions_.begin(), sessions_.end(), [&](const auto& session) {
        return session->id == owner.session;
    });
    if (!is_ours) return nullptr;
    // A thread whose number is not that of its token.
    const auto other = std::find_if(claimants_.begin(), claimants_.end(), is_holder);
    return other == claimants_.end() ? nullptr : other->second.get();
}

Client::ClaimantPtr Client::claimant_of(const Request& request) {
    if (ClaimantPtr known = find(request.key, request.token)) return known;
    const std::uint64_t thread = thread_of(request.token);
    const auto same = claimants_.equal_range(thread);
    const bool is_first = std::none_of(same.first, same.second, [&](const auto& each) {
        return each.second->key == request.key && each.second->token == request.token;
    });
    auto claimant = std::make_shared<Claimant>(request.key, request.token, lock_name(request.key),
                                               is_first ? thread : thread + odd * ++calls_made_);
    due_.reserve(claimants_.size() + 1);  // so set_due() needs no memory
    claimants_.emplace(thread, claimant);
    return claimant;
}

// A pointer to it finds that it has nothing. May destroy it.
void Client::drop(Claimant& claimant) noexcept {
    set_due_at(claimant, Time::max());
    attach(claimant, nullptr);
    claimant.is_open = claimant.is_held = claimant.is_parked = false;
    claimant.is_leaving = claimant.has_expired = claimant.is_given_up = false;
    claimant.unlocks_again = false;
    claimant.unlocking = 0;
    claimant.unlock_call = {};
    claimant.lease_ends = claimant.late_until = {};
    claimant.listener = nullptr;
    if (claimant.pending > 0) return;
    const auto same = claimants_.equal_range(thread_of(claimant.token));
    const auto found = std::find_if(
        same.first, same.second, [&](const auto& each) { return each.second.get() == &claimant; });
    if (found != same.second) claimants_.erase(found);
}

// Its next renewal, or its release, learns why it is lost.
void Client::expire(Claimant& claimant) noexcept {
    attach(claimant, nullptr);
    claimant.is_held = claimant.is_open = false;
    claimant.has_expired = true;
    tidy(claimant);
}

void Client::tidy(Claimant& claimant) noexcept {
    if (claimant.is_idle()) return drop(claimant);
    set_due(claimant);
}

// With nothing locked, unless there is no memory for that.
void Client::wake(WakeUp wake_up) noexcept {
    try {
        wakes_.push_back(std::move(wake_up));
    } catch (const std::bad_alloc&) {
        return;  // it is woken now
    }
}

void Client::ask_to_poll(const Claimant& claimant) noexcept {
    if (claimant.listener != nullptr) wake(claimant.listener->poll());
}

void Client::attach(Claimant& claimant, const SessionPtr& session) noexcept {
    set_use(claimant, false);
    claimant.session = session;
    set_use(claimant, session != nullptr);
}

void Client::set_use(Claimant& claimant, bool is_use) noexcept {
    if (std::exchange(claimant.is_use, is_use) == is_use) return;
    claimant.session->uses += is_use ? 1 : -1;
}

void Client::set_due(Claimant& claimant) noexcept { set_due_at(claimant, claimant.next_due()); }

void Client::set_due_at(Claimant& claimant, Time when) noexcept {
    const Time before = std::exchange(claimant.due, when);
    if (before == when) return;
    if (when == Time::max()) return due_.remove(claimant);
    if (before == Time::max()) return due_.add(claimant, when);  // there is room
    due_.move(claimant, when);
}

// Whether a try of that token may be sent now; else what it waits for is under way.
bool Client::has_fresh_session(Claimant& claimant, Time now) {
    if (claimant.session != nullptr && claimant.session->is_dead) drop(claimant);
    if (claimant.session == nullptr) {
        if (session_ == nullptr || session_->grants >= session_grants) create_session(now);
        if (session_ == nullptr) return false;
        attach(claimant, session_);
    }
    if (claimant.session->is_fresh(now)) return true;
    beat(claimant.session, now);
    return false;
}

// The one before it is used until this one is there: nobody waits for a replacement.
void Client::create_session(Time now) {
    if (is_creating_) return;
    send({.what = Ask::create_session, .sent = now},
         [&](std::string& out, std::uint64_t correlation) {
             ask_session(out, correlation, *group_, endpoint_);
         });
    is_creating_ = true;
}

void Client::beat(const SessionPtr& session, Time now) {
    if (session->is_beating) return;
    send({.what = Ask::heartbeat, .sent = now, .session = session},
         [&](std::string& out, std::uint64_t correlation) {
             ask_about_session(out, Ask::heartbeat, correlation, *group_, session->id);
         });
    session->is_beating = true;
}

void Client::tend_sessions(Time now) {
    for (auto each = sessions_.begin(); each != sessions_.end();) {
        const SessionPtr session = *each++;
        if (session->uses > 0) {
            if (now >= session->next_beat) beat(session, now);
        } else if (session != session_) {
            send({.what = Ask::close_session, .sent = now, .session = session},
                 [&](std::string& out, std::uint64_t correlation) {
                     ask_about_session(out, Ask::close_session, correlation, *group_, session->id);
                 });
            end_session(session, now);
        }
    }
}

// All that hung on it is free, and all that waited by it have no entry in a queue any more.
void Client::end_session(const SessionPtr& session, Time /*now*/) noexcept {
    session->is_dead = true;
    sessions_.remove(session);
    if (session_ == session) session_ = nullptr;
    for (auto each = claimants_.begin(); each != claimants_.end();) {
        Claimant& claimant = *each++->second;
        if (claimant.session != session) continue;
        if (claimant.is_parked) ask_to_poll(claimant);
        if (claimant.is_held && !claimant.is_leaving) {
            expire(claimant);
        } else {
            drop(claimant);
        }
    }
}

// Its queue entry is that of its call: a copy of the call keeps the entry.
void Client::park(const ClaimantPtr& claimant, Time now) {
    const Caller caller{claimant->session->id, claimant->thread, claimant->call};
    send({.what = Ask::try_lock,
          .sent = now,
          .claimant = claimant,
          .session = claimant->session,
          .waits = true},
         [&](std::string& out, std::uint64_t correlation) {
             ask_try_lock(out, correlation, *group_, claimant->lock, caller, longest_wait);
         });
    claimant->is_parked = true;
    claimant->parked_by = correlation_;
}

// By a release, or since nobody has asked for it any more, or since a grant has come too late. A
// copy of the unlock that is under way could be answered with what that one did before the grant.
void Client::leave(const ClaimantPtr& claimant, Pending* release, Time now) {
    if (release == nullptr && claimant->unlocking > 0) {
        claimant->unlocks_again = true;
        return;
    }
    claimant->is_leaving = true;
    claimant->listener = nullptr;
    claimant->next_unlock = now;
    if (claimant->unlock_call == Uuid{}) claimant->unlock_call = new_call();
    set_use(*claimant, true);
    if (is_ready_) unlock(claimant, release, now);
    set_due(*claimant);
}

// Whether its token, which wants something again, is not in its own way: the unlock was answered.
bool Client::is_left(Pending& pending) {
    const Claimant& claimant = *pending.claimant;
    const bool is_to_be_sent_again = claimant.unlock_call != Uuid{} && claimant.unlocking == 0;
    return !is_to_be_sent_again && is_unlocked(pending);
}

// Nothing that was sent for the one before is a grant, or an end of one: the lock may have been
// another's since, and a call that was lost may run at any time. That one is unlocked until none
// of its own can run any more.
void Client::go_on_as_another(Pending& pending, Time now) {
    const ClaimantPtr before = pending.claimant;
    before->is_retired = true;
    pending.claimant = claimant_of(pending.operation->request);
    ++pending.claimant->pending;
    pending.was_tried = false;
    --before->pending;
    settle(before, now);
}

void Client::unlock(const ClaimantPtr& claimant, Pending* pending, Time now) {
    const Caller caller{claimant->session->id, claimant->thread, claimant->unlock_call};
    Unlocks& unlocks = unlocking_[claimant->lock];
    send({.what = Ask::unlock,
          .sent = now,
          .pending = pending,
          .claimant = claimant,
          .session = claimant->session,
          .is_given_up = claimant->is_given_up},
         [&](std::string& out, std::uint64_t correlation) {
             ask_unlock(out, correlation, *group_, claimant->lock, caller);
         });
    ++claimant->unlocking;
    ++unlocks.unanswered;
}

// May an acquire of that lock be sent now? Else it is driven when its unlocks are answered.
bool Client::is_unlocked(Pending& pending) {
    const auto lock = unlocking_.find(pending.claimant->lock);
    if (lock == unlocking_.end() || lock->second.unanswered == 0) return true;
    if (pending.waits_for_unlock) return false;
    lock->second.waiting.push_back(&pending);
    pending.waits_for_unlock = true;
    return false;
}

// The acquires that have waited for it.
std::vector<Client::Pending*> Client::unlock_is_over(Claimant& claimant) noexcept {
    const auto lock = unlocking_.find(claimant.lock);
    if (lock == unlocking_.end() || --lock->second.unanswered > 0) return {};
    std::vector<Pending*> waiting = std::move(lock->second.waiting);
    for (Pending* const each : waiting) each->waits_for_unlock = false;
    unlocking_.erase(lock);
    return waiting;
}

// The token has it more than once, by a call from before it was left and by one of after that; or
// it is a lock of another program, which may be taken again and again. The release that has asked
// for that may be over.
void Client::unlocked_once(Call& call, Time now) {
    const ClaimantPtr& claimant = call.claimant;
    if (claimant == nullptr) return call.pending == nullptr ? void() : release(*call.pending, now);
    if (claimant->session != call.session) return unlocked(call, true, now);
    const std::vector<Pending*> waiting = unlock_is_over(*claimant);
    --claimant->unlocking;
    claimant->unlock_call = {};
    leave(claimant, call.pending, now);
    for (Pending* const each : waiting) drive(*each, now);
}

// A release of what was given up is a copy of that unlock: the lock may be another's by now.
void Client::unlocked(Call& call, bool was_held, Time now) {
    if (call.pending != nullptr) {
        const bool was_ours = was_held && !call.is_given_up;
        Reply& reply = call.pending->operation->reply;
        reply.outcome = was_ours ? Outcome::released : Outcome::lost;
        reply.store_time =
            std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
        finish(*call.pending);
    }
    const ClaimantPtr& claimant = call.claimant;
    if (claimant == nullptr) return;
    const std::vector<Pending*> waiting = unlock_is_over(*claimant);
    if (claimant->session == call.session) {
        if (--claimant->unlocking == 0) claimant->unlock_call = {};
        settle(claimant, now);
    }
    for (Pending* const each : waiting) drive(*each, now);
    if (claimant->pending > 0) drive_all(now);
}

// Its newest unlock was answered, or its wait has ended: does it have anything yet?
void Client::settle(const ClaimantPtr& claimant, Time now) {
    const bool is_unlocked = claimant->unlocking == 0 && claimant->unlock_call == Uuid{};
    if (!claimant->is_leaving || !is_unlocked) return set_due(*claimant);
    if (std::exchange(claimant->unlocks_again, false)) return leave(claimant, nullptr, now);
    claimant->is_held = claimant->is_open = false;
    if (claimant->parked_by == 0) claimant->is_parked = false;
    const bool is_alone = !claimant->is_parked && claimant->pending == 0;
    const bool may_run = claimant->unanswered > 0 || now < claimant->late_until;
    if (is_alone && !may_run) return drop(*claimant);
    const Time end = now < claimant->late_until ? claimant->late_until : now + call_timeout;
    claimant->next_unlock = is_alone ? end : now + between_unlocks;
    // What is late does not keep a session alive, whose end is the end of it, too.
    if (is_alone) set_use(*claimant, false);
    set_due(*claimant);
}

void Client::tend(const ClaimantPtr& claimant, Time now) {
    if (claimant->session == nullptr || claimant->session->is_dead) return drop(*claimant);
    if (!claimant->is_leaving) {
        claimant->is_held = false;
        claimant->is_given_up = true;
    }
    leave(claimant, nullptr, now);
}

}  // namespace leaselock::hazelcast

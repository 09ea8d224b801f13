#include "model/property.hpp"

#include <algorithm>
#include <bit>

#include "model/latch_scripts.hpp"
#include "model/share_scripts.hpp"

namespace leaselock::model {
namespace {

class Check {
  public:
    Check(const Setup& setup, const State& state, Rule without)
        : setup_{setup}, state_{state}, without_{without} {}

    [[nodiscard]] Property run() const {
        if (const Property broken = believers(); broken != Property::none) return broken;
        for (int i = 0; i < setup_.clients; ++i) {
            const Property broken = client(i);
            if (broken != Property::none) return broken;
        }
        if (const Property broken = latch_call(); broken != Property::none) return broken;
        return something_left() ? Property::nothing_left : Property::none;
    }

  private:
    [[nodiscard]] Token token(int client) const {
        return token_of(setup_, state_, client, without_);
    }

    [[nodiscard]] bool holds(int client) const {
        return state_.clients[client].phase == Phase::holding;
    }
    [[nodiscard]] Claim claim(int client) const { return claim_of(setup_, state_, token(client)); }

    // The whole is one's alone, and of shares there are no more than there are. For each kind of
    // shares those of the other kinds are too many.
    [[nodiscard]] Property believers() const {
        const bool other = state_.other == State::Other::holding && state_.other_belief > 0;
        int wholes = other ? 1 : 0;
        int all = wholes;
        for (int i = 0; i < setup_.clients; ++i) {
            if (!holds(i)) continue;
            ++all;
            wholes += claim(i) == whole ? 1 : 0;
        }
        if (wholes > 0 && all > 1) return Property::one_holder;
        for (int i = 0; i < setup_.clients && wholes == 0; ++i) {
            if (holds(i) && are_too_many(claim(i).of)) return Property::permits_are_counted;
        }
        return Property::none;
    }

    [[nodiscard]] bool are_too_many(int of) const {
        int taken = 0;
        for (int i = 0; i < setup_.clients; ++i) {
            if (!holds(i)) continue;
            if (claim(i).of != of) return true;
            taken += claim(i).count;
        }
        return of != 0 && taken > of;
    }

    [[nodiscard]] Property holder(int index) const {
        const Client& client = state_.clients[index];
        const Store& store = state_.store;
        const Token token = this->token(index);
        const bool has_whole = is_held_by(store, token);
        const bool is_sharing = claim(index) != whole;
        const Lease* const lease = is_sharing ? find_lease(store, token) : nullptr;
        const Ticks left = has_whole          ? store.left
                           : lease != nullptr ? std::min(lease->left, store.left)
                                              : small(0);
        if (left < client.belief) return Property::lock_behind_belief;
        if (!is_sharing && client.fence > store.fence) return Property::fence_was_minted;
        if (!is_sharing && client.fence <= state_.floor) return Property::fences_rise;
        for (int i = 0; i < index; ++i) {
            if (holds(i) && state_.clients[i].fence == client.fence) return Property::fences_differ;
        }
        return Property::none;
    }

    [[nodiscard]] Property client(int index) const {
        const Client& client = state_.clients[index];
        if (client.phase == Phase::holding) return holder(index);
        if (client.phase == Phase::waiting && setup_.waits[index] && waits_too_long(index)) {
            return Property::bounded_wait;
        }
        if (client.phase == Phase::lined_up && !somebody_contends(setup_.process_of[index])) {
            return Property::line_moves;
        }
        return Property::none;
    }

    // What is promised to whoever counts.
    [[nodiscard]] Property latch_call() const {
        const Tally& tally = state_.tally;
        const Ticks left = state_.store.holder == a_latch ? state_.store.left : small(0);
        if (left < tally.left) return Property::latch_lives;
        return (tally.said_none & tally.ever) != 0 ? Property::no_is_no : Property::none;
    }

    [[nodiscard]] bool somebody_contends(int process) const {
        for (int i = 0; i < setup_.clients; ++i) {
            const bool is_of_it = setup_.process_of[i] == process && setup_.stands_in_line(i);
            if (is_of_it && state_.clients[i].phase == Phase::waiting) return true;
        }
        return false;
    }

    // No other does anything from now on, every message is lost, and it polls at each tick: it has
    // the lock when what is there now, a lock and queue entries, has ended.
    [[nodiscard]] bool waits_too_long(int client) const {
        const Claim wanted = setup_.wants[client];
        Store store = state_.store;
        if (is_latch(wanted)) return !finds_it_open(store, client);
        const Ticks bound = std::max(store.left, setup_.entry_life);
        for (int time = 0; time <= bound; ++time) {
            const AcquireArguments poll{token(client), setup_.ttl, 0, setup_.entry_life, wanted};
            const AcquireAnswer answer = wanted == whole ? acquire(store, poll, without_)
                                                         : share_acquire(store, poll, without_);
            if (answer.what == AcquireAnswer::granted) return false;
            pass(store, 1, without_);
        }
        return true;
    }

    // A waiter for a latch that is open finds that by the next poll. How long it takes until
    // all have counted is their affair.
    [[nodiscard]] bool finds_it_open(Store& store, int client) const {
        const Claim wanted = setup_.wants[client];
        const bool all_counted =
            std::popcount(static_cast<unsigned>(state_.tally.now)) >= wanted.of;
        const AcquireArguments poll{token(client), setup_.ttl, 0, setup_.entry_life, wanted};
        return !all_counted || model::latch(store, poll, without_).what == AcquireAnswer::granted;
    }

    // Whoever may still end what the store has of this token: its client, or who owes a release. A
    // dead process ends nothing, and what it leaves ends by itself.
    [[nodiscard]] bool has_somebody(Token token, bool as_entry) const {
        const int client = setup_.client_of(token);
        const Phase phase = state_.clients[client].phase;
        if (phase == Phase::dead || state_.debts[token].owed) return true;
        // A late acquire of one that became a reader makes an entry, and its release ends it.
        const bool may_hold = !as_entry || state_.debts[token].is_reader;
        const bool is_at_it = phase == Phase::waiting || (phase == Phase::holding && may_hold);
        return is_at_it && this->token(client) == token;
    }

    // A clock that went back opens again what not-after had closed; the price is a ttl.
    [[nodiscard]] bool something_left() const {
        if (state_.in_flight > 0 || state_.stepped_back) return false;
        const Store& store = state_.store;
        if (is_token(store.holder) && !store.kept && !has_somebody(store.holder, false))
            return true;
        const bool is_ownerless =
            std::any_of(store.table, store.table + store.leases, [&](const Lease& each) {
                return each.kept == 0 && each.left > 0 && !has_somebody(each.token, false);
            });
        if (is_ownerless) return true;
        return std::any_of(store.queue, store.queue + store.entries,
                           [&](const QueueEntry& each) { return !has_somebody(each.token, true); });
    }

    const Setup& setup_;
    const State& state_;
    Rule without_;
};

}  // namespace

std::string_view complaint(Property property) {
    switch (property) {
        case Property::none: return "nothing";
        case Property::one_holder: return "two believe that they hold the lock";
        case Property::lock_behind_belief: return "a holder believes in a lock that is not its own";
        case Property::fence_was_minted: return "a holder has a fence that a later grant may have";
        case Property::fences_rise: return "a later grant has no higher fence";
        case Property::nothing_left: return "something is left that nobody will take away";
        case Property::bounded_wait: return "a waiter who polls does not get the lock in time";
        case Property::turn_is_kept: return "a lock went to somebody whose turn it was not";
        case Property::line_moves: return "a local queue stands still";
        case Property::min_hold_lasts: return "min_hold is cut short";
        case Property::min_hold_ends: return "a kept lock outlasts its min_hold";
        case Property::no_false_loss: return "a holder learns of a loss that is none";
        case Property::waiter_gets_what_is_freed: return "a release passes over who waits";
        case Property::own_release_never_in_the_way:
            return "a process is sent away by its own release";
        case Property::permits_are_counted: return "more permits are believed in than there are";
        case Property::fences_differ: return "two holders have one fence";
        case Property::free_share_is_given: return "a share that is free is refused";
        case Property::ended_stays_ended: return "a lease that has ended is there again";
        case Property::latch_opens_by_counts: return "a latch is open, and not all have counted";
        case Property::latch_stays_open: return "a latch is closed, though all have counted";
        case Property::latch_lives: return "a latch ends before its time";
        case Property::all_are_notified: return "a latch opens, and not all who wait are notified";
        case Property::waited_latch_lives: return "a latch ends while somebody waits for it";
        case Property::latch_is_no_lock: return "somebody queues for the lock of a latch's key";
        case Property::no_is_no: return "a count is said to be none, and was counted";
    }
    return "";
}

Property broken_in(const Setup& setup, const State& state, Rule without) {
    return Check{setup, state, without}.run();
}

}  // namespace leaselock::model

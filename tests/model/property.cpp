#include "model/property.hpp"

#include <algorithm>

namespace leaselock::model {
namespace {

class Check {
  public:
    Check(const Setup& setup, const State& state, Rule without)
        : setup_{setup}, state_{state}, without_{without} {}

    [[nodiscard]] Property run() const {
        if (believers() > 1) return Property::one_holder;
        for (int i = 0; i < setup_.clients; ++i) {
            const Property broken = client(i);
            if (broken != Property::none) return broken;
        }
        return something_left() ? Property::nothing_left : Property::none;
    }

  private:
    [[nodiscard]] Token token(int client) const {
        return token_of(setup_, state_, client, without_);
    }

    [[nodiscard]] int believers() const {
        int count = state_.other == State::Other::holding && state_.other_belief > 0 ? 1 : 0;
        for (const Client& each : state_.clients) count += each.phase == Phase::holding ? 1 : 0;
        return count;
    }

    [[nodiscard]] Property client(int index) const {
        const Client& client = state_.clients[index];
        if (client.phase == Phase::holding) {
            const Store& store = state_.store;
            if (!is_held_by(store, token(index)) || store.left < client.belief) {
                return Property::lock_behind_belief;
            }
            if (store.fence != client.fence) return Property::fence_of_the_key;
        }
        if (client.phase == Phase::waiting && setup_.waits[index] && waits_too_long(token(index))) {
            return Property::bounded_wait;
        }
        if (client.phase == Phase::lined_up && !somebody_contends(setup_.process_of[index])) {
            return Property::line_moves;
        }
        return Property::none;
    }

    [[nodiscard]] bool somebody_contends(int process) const {
        for (int i = 0; i < setup_.clients; ++i) {
            if (setup_.process_of[i] == process && state_.clients[i].phase == Phase::waiting) {
                return true;
            }
        }
        return false;
    }

    // Nobody but he does anything from now on, every message is lost, and he looks at each tick: he
    // has the lock when what is there now, a lock and places, has ended.
    [[nodiscard]] bool waits_too_long(Token token) const {
        Store store = state_.store;
        const Ticks bound = std::max(store.left, setup_.place_life);
        for (int time = 0; time <= bound; ++time) {
            const AcquireArguments look{token, setup_.ttl, 0, setup_.place_life};
            if (acquire(store, look, without_).what == AcquireAnswer::granted) return false;
            pass(store, 1, without_);
        }
        return true;
    }

    // Whoever may still end what the store has of this token: its client, or who owes a release. A
    // dead process ends nothing, and what it leaves ends by itself.
    [[nodiscard]] bool has_somebody(Token token, bool as_place) const {
        const int client = setup_.client_of(token);
        const Phase phase = state_.clients[client].phase;
        if (phase == Phase::dead || state_.debts[token].owed) return true;
        const bool is_at_it = phase == Phase::waiting || (phase == Phase::holding && !as_place);
        return is_at_it && this->token(client) == token;
    }

    // A clock that went back opens again what not-after had closed; the price is a ttl.
    [[nodiscard]] bool something_left() const {
        if (state_.in_flight > 0 || state_.stepped_back) return false;
        const Store& store = state_.store;
        const bool is_ours = store.holder != nobody && store.holder != somebody_else;
        if (is_ours && !store.kept && !has_somebody(store.holder, false)) return true;
        return std::any_of(store.queue, store.queue + store.places,
                           [&](const Place& each) { return !has_somebody(each.token, true); });
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
        case Property::lock_behind_belief: return "a holder believes in a lock that is not his";
        case Property::fence_of_the_key: return "a holder's fence is not the key's";
        case Property::fences_rise: return "a later grant has no higher fence";
        case Property::nothing_left: return "something is left that nobody will take away";
        case Property::bounded_wait: return "a waiter who polls does not get the lock in time";
        case Property::turn_is_kept: return "a lock went to somebody whose turn it was not";
        case Property::line_moves: return "a local queue stands still";
        case Property::min_hold_lasts: return "min_hold is cut short";
        case Property::min_hold_ends: return "a kept lock outlasts its min_hold";
        case Property::no_false_loss: return "a holder is told a loss that is none";
        case Property::own_release_never_in_the_way:
            return "a process is sent away by its own release";
    }
    return "";
}

Property broken_in(const Setup& setup, const State& state, Rule without) {
    return Check{setup, state, without}.run();
}

}  // namespace leaselock::model

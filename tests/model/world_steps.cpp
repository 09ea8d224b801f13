// The rest of the world: time and clocks, losses and crashes, and others at the same store. And the
// list of everything that may happen.
#include <algorithm>
#include <fmt/format.h>

#include "model/steps.hpp"

namespace leaselock::model {

State Steps::first() const {
    State state;
    for (int i = setup_.clients; i < max_clients; ++i) state.clients[i].phase = Phase::dead;
    for (Debt& each : state.debts) each.not_after = small(-1 - setup_.clock_back);
    simplify(setup_, state, without_);
    return state;
}

std::vector<Step>& Steps::from(const State& state) {
    steps_.clear();
    for (int i = 0; i < state.in_flight; ++i) {
        if (is_command(state.messages[i].kind)) {
            run(state, i);
        } else {
            receive(state, i);
        }
        if (setup_.loses) lose(state, i);
    }
    for (int i = 0; i < setup_.clients; ++i) act(state, i);
    if (setup_.delays || state.in_flight == 0) tick(state);
    step_clocks(state);
    if (setup_.crashes && state.clients[0].phase != Phase::dead) crash(state);
    if (setup_.foreign) act_others(state);
    if (setup_.slot) grant_another_key(state);
    if (setup_.resets && !state.was_reset) reset_latch(state);
    return steps_;
}

void Steps::tick(const State& before) {
    State state = before;
    pass(state.store, 1, without_);
    pass_tally(state.tally, 1);
    for (int i = 0; i < state.in_flight; ++i) {
        Message& each = state.messages[i];
        ++each.age;
        if (each.kind == Kind::acquire) --each.value;
    }
    for (Debt& each : state.debts) {
        --each.not_after;
        each.rest = std::max(small(0), small(each.rest - 1));
    }
    if (state.other_belief > 0) --state.other_belief;
    for (int i = 0; i < setup_.clients; ++i) {
        Client& client = state.clients[i];
        ++client.poll_age;
        --client.open;
        if (client.phase == Phase::holding && --client.belief <= 0) end_session(state, i, true);
    }
    // Where every message arrives at once, nothing but the protocol is to blame.
    const Token holder = before.store.holder;
    const bool is_cut = !setup_.delays && !setup_.loses && is_token(holder) &&
                        state.store.holder != holder && state.debts[holder].rest > 0;
    add(
        state, [] { return "a tick passes"; }, is_cut ? Property::min_hold_lasts : Property::none);
}

void Steps::move_clock(State& state, int ticks) {
    step_clock(state.store, ticks, without_);
    pass_tally(state.tally, ticks);
    for (int i = 0; i < state.in_flight; ++i) {
        Message& each = state.messages[i];
        if (each.kind == Kind::acquire) each.value = small(each.value - ticks);
    }
    for (Debt& each : state.debts) each.not_after = small(each.not_after - ticks);
    for (Client& each : state.clients) each.open = small(each.open - ticks);
}

// A clock that steps forward under a holder frees its lock, and no rule can help: one Redis gives
// exclusion only while its clock is sound. So it steps while nobody alive has the lock.
void Steps::step_clocks(const State& before) {
    if (setup_.clock_back > 0 && !before.stepped_back) {
        State state = before;
        state.stepped_back = true;
        move_clock(state, -setup_.clock_back);
        add(state,
            [&] { return fmt::format("the server's clock goes back by {}", setup_.clock_back); });
    }
    if (setup_.clock_forward > 0 && !before.stepped_forward && is_nobodys(before)) {
        State state = before;
        state.stepped_forward = true;
        move_clock(state, setup_.clock_forward);
        add(state, [&] {
            return fmt::format("the server's clock goes forward by {}", setup_.clock_forward);
        });
    }
}

bool Steps::is_nobodys(const State& state) const {
    const Store& store = state.store;
    if (store.holder == several) {
        return std::all_of(store.table, store.table + store.leases,
                           [&](const Lease& each) { return is_dead(state, each.token); });
    }
    return store.holder == nobody || (is_token(store.holder) && is_dead(state, store.holder));
}

// What follows on the same connection is lost with it.
void Steps::lose(const State& before, int index) {
    State state = before;
    const Message lost = take(state, index);
    if (lost.kind == Kind::release && lost.live) {
        auto* const end = std::remove_if(
            state.messages, state.messages + state.in_flight, [&](const Message& each) {
                return each.kind == Kind::acquire && (each.behind >> lost.token & 1) != 0;
            });
        std::fill(end, state.messages + state.in_flight, Message{});
        state.in_flight = small(static_cast<int>(end - state.messages));
    }
    add(state, [&] { return "lost: " + name(lost); });
}

void Steps::crash(const State& before) {
    State state = before;
    for (int i = 0; i < setup_.clients; ++i) {
        if (setup_.process_of[i] != setup_.process_of[0]) continue;
        note_fence(state, i);
        state.clients[i].phase = Phase::dead;
    }
    add(state, [] { return std::string("the process of A dies"); });
}

// It has the same counter.
void Steps::grant_another_key(const State& before) {
    State state = before;
    detail::mint_fence(state.store, 0, without_);
    add(state, [] { return "another key of the slot is granted"; });
}

void Steps::act_others(const State& before) {
    State state = before;
    if (before.other == State::Other::to_come && set_if_free(state.store, setup_.ttl)) {
        state.other = State::Other::holding;
        state.other_belief = setup_.ttl;
        add(state, [] { return "somebody else locks by SET NX PX"; });
    }
    if (before.other == State::Other::holding) {
        state = before;
        compare_and_delete(state.store, without_);
        state.other = State::Other::gone;
        state.other_belief = 0;
        add(state, [&] {
            return keeps(Rule::others_compare) ? "somebody else compares and deletes"
                                               : "somebody else deletes, and does not compare";
        });
    }
}

}  // namespace leaselock::model

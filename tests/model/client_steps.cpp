// The clients: what they do of their own accord, and how their sessions go on and end.
#include <algorithm>
#include <fmt/format.h>

#include "model/steps.hpp"

namespace leaselock::model {

// --- what they send
// --------------------------------------------------------------------------------

// The releases of a process that are on the connection on which its next acquire follows.
Small Steps::posted_releases(const State& state, int process) const {
    Small tokens = 0;
    if (!setup_.same_connection) return tokens;
    for (int i = 0; i < state.in_flight; ++i) {
        const Message& each = state.messages[i];
        const bool is_posted = each.kind == Kind::release && each.live;
        if (is_posted && setup_.process_of_token(each.token) == process) {
            tokens = small(tokens | 1 << each.token);
        }
    }
    return tokens;
}

// The answer to an earlier poll is not waited for any more, though that poll may still run.
bool Steps::send_acquire(State& state, int index) {
    Client& client = state.clients[index];
    const Token token = this->token(state, index);
    for (int i = 0; i < state.in_flight; ++i) {
        Message& each = state.messages[i];
        if (each.token == token && each.kind != Kind::release) each.live = false;
    }
    Debt& debt = state.debts[token];
    if (client.asked) {
        debt.unseen = true;
        debt.not_after = std::max(debt.not_after, client.open);
    }
    client.asked = true;
    client.open = setup_.not_after;
    if (setup_.wants[index] == whole) client.polls = std::min(small(2), small(client.polls + 1));
    return post(state, {.kind = Kind::acquire,
                        .token = token,
                        .value = setup_.not_after,
                        .live = true,
                        .behind = posted_releases(state, setup_.process_of[index])});
}

// The first one is the guard's own, or that of a waiter who leaves. The clean-up repeats it.
bool Steps::send_release(State& state, Token token, bool is_first) {
    const Debt& debt = state.debts[token];
    const bool keep = is_first || keeps(Rule::clean_up_keeps);
    const bool may_name_two = debt.unqueued || !keeps(Rule::two_keys_for_the_unqueued);
    const bool frees = !keep || debt.rest == 0;
    const bool names_two = may_name_two && frees && claim_of(setup_, state, token) == whole;
    return post(state, {.kind = Kind::release,
                        .token = token,
                        .value = keep ? debt.rest : small(0),
                        .live = is_first,
                        .behind = small(names_two ? 1 : 0)});
}

// Once more, right after the answer that asks for it.
bool Steps::name_all_keys(State& state, Token token) const {
    const Ticks rest = state.debts[token].rest;
    return post(state, {.kind = Kind::release, .token = token, .value = rest, .live = true});
}

// --- how a session goes on, and ends
// ---------------------------------------------------------------

void Steps::hold(State& state, int index, Ticks belief, Fence fence, Ticks age) {
    Client& client = state.clients[index];
    Debt& debt = state.debts[token(state, index)];
    if (client.asked) debt.not_after = std::max(debt.not_after, client.open);
    debt.rest = std::max(small(0), small(setup_.min_hold - age));
    debt.unqueued = false;
    client.phase = Phase::holding;
    client.belief = belief;
    client.fence = fence;
    move_line(state, setup_.process_of[index]);
}

void Steps::end_session(State& state, int index, bool owes) {
    Client& client = state.clients[index];
    Debt& debt = state.debts[token(state, index)];
    if (client.asked) debt.not_after = std::max(debt.not_after, client.open);
    debt.owed = owes && keeps(Rule::clean_up);
    note_fence(state, index);
    const bool contended = client.phase == Phase::waiting;
    client = {.session = small(client.session + 1)};
    if (contended && keeps(Rule::line_moves_on)) move_line(state, setup_.process_of[index]);
}

// A later holder of the whole must have a higher one.
void Steps::note_fence(State& state, int index) const {
    const Client& client = state.clients[index];
    const bool held = client.phase == Phase::holding;
    const bool is_whole = claim_of(setup_, state, token(state, index)) == whole;
    if (held && is_whole) state.floor = std::max(state.floor, client.fence);
}

// In one process one waiter contends at the store; the others stand in line after it.
void Steps::line_up(State& state, int index) {
    Client& client = state.clients[index];
    Small last = 0;
    bool is_first = true;
    for (int i = 0; i < setup_.clients; ++i) {
        const Client& each = state.clients[i];
        if (setup_.process_of[i] != setup_.process_of[index] || !setup_.stands_in_line(i)) continue;
        is_first = is_first && each.phase != Phase::waiting && each.phase != Phase::lined_up;
        last = std::max(last, each.turn);
    }
    client.phase = is_first ? Phase::waiting : Phase::lined_up;
    client.turn = is_first ? small(0) : small(last + 1);
}

void Steps::move_line(State& state, int process) {
    Client* next = nullptr;
    for (int i = 0; i < setup_.clients; ++i) {
        Client& each = state.clients[i];
        if (setup_.process_of[i] != process || !setup_.stands_in_line(i)) continue;
        if (each.phase == Phase::waiting) return;
        if (each.phase == Phase::lined_up && (next == nullptr || each.turn < next->turn)) {
            next = &each;
        }
    }
    if (next == nullptr) return;
    next->phase = Phase::waiting;
    next->turn = 0;
}

// --- of their own accord
// ---------------------------------------------------------------------------

void Steps::act(const State& before, int index) {
    const Client& client = before.clients[index];
    if (client.phase == Phase::dead) return;
    if (client.phase == Phase::waiting) act_waiting(before, index);
    if (client.phase == Phase::holding) act_holding(before, index);
    if (client.phase == Phase::idle && client.session < setup_.sessions) {
        State state = before;
        if (setup_.stands_in_line(index)) {
            line_up(state, index);
        } else {
            state.clients[index].phase = Phase::waiting;
        }
        const bool contends = state.clients[index].phase == Phase::waiting;
        if (!contends || send_acquire(state, index)) {
            add(state, [&] {
                return name_of(index) + " wants " + name_of(setup_.wants[index]) +
                       (contends ? ", sends an acquire" : ", stands in line");
            });
        }
    }
    if (client.phase == Phase::lined_up) {
        State state = before;
        end_session(state, index, false);
        add(state, [&] { return name_of(index) + " leaves the line"; });
    }
    for (int i = 0; i < setup_.sessions; ++i) {
        clean_up(before, small(index * setup_.sessions + i));
    }
}

void Steps::act_waiting(const State& before, int index) {
    const Token token = this->token(before, index);
    int copies = 0;
    for (int i = 0; i < before.in_flight; ++i) {
        const Message& each = before.messages[i];
        if (each.kind == Kind::acquire && each.token == token) ++copies;
    }
    State state = before;
    if (copies < 2 && send_acquire(state, index)) {
        add(state, [&] { return name_of(index) + " polls again, sends an acquire"; });
    }
    state = before;
    if (send_release(state, token, true)) {
        end_session(state, index, true);
        add(state, [&] { return name_of(index) + " gives up, sends a release"; });
    }
}

void Steps::act_holding(const State& before, int index) {
    const Token token = this->token(before, index);
    State state = before;
    if (send_release(state, token, true)) {
        end_session(state, index, true);
        add(state, [&] { return name_of(index) + " is done, sends a release"; });
    }
    const bool as_share = claim_of(setup_, before, token) != whole;
    const auto ask = [&](Ticks ttl, const char* words) {
        send_renewal(before, index, ttl, as_share, words);
    };
    if (setup_.renews) ask(setup_.ttl, " sends a renewal");
    if (setup_.longer > 0) ask(setup_.longer, " asks for a longer ttl");
    if (setup_.shorter > 0 && !keeps(Rule::life_only_grows)) {
        ask(setup_.shorter, " asks for a shorter ttl");
    }
    if (setup_.downgrades && index == 0 && !as_share) downgrade(before, index);
}

void Steps::send_renewal(const State& before, int index, Ticks ttl, bool as_share,
                         const char* words) {
    const Token token = this->token(before, index);
    for (int i = 0; i < before.in_flight; ++i) {
        const Message& each = before.messages[i];
        const bool is_out = each.kind == Kind::renew || each.kind == Kind::renewed;
        if (is_out && each.token == token && each.value == ttl && each.live == as_share) return;
    }
    State state = before;
    if (!post(state, {.kind = Kind::renew, .token = token, .value = ttl, .live = as_share})) return;
    add(state, [&] { return name_of(index) + words; });
}

// From before the sending on it is a reader, whatever becomes of it.
void Steps::downgrade(const State& before, int index) {
    State state = before;
    state.debts[token(before, index)].is_reader = keeps(Rule::reader_from_the_send);
    send_renewal(state, index, setup_.ttl, true, " becomes a reader, sends a renewal as one");
}

// Repeats a release that is owed, when its last copy or the answer to it must have been lost.
void Steps::clean_up(const State& before, Token token) {
    if (!before.debts[token].owed) return;
    for (int i = 0; i < before.in_flight; ++i) {
        const Message& each = before.messages[i];
        const bool is_out = each.kind == Kind::release || each.kind == Kind::released;
        if (is_out && each.token == token) return;
    }
    State state = before;
    if (!send_release(state, token, false)) return;
    add(state, [&] {
        return "the clean-up of " + name_of(setup_.client_of(token)) + " sends a release of " +
               name_of(setup_, token);
    });
}

}  // namespace leaselock::model

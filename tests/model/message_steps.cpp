// The clients: what they make of an answer or a message.
#include <algorithm>
#include <fmt/format.h>

#include "model/steps.hpp"

namespace leaselock::model {

void Steps::receive(const State& before, int index) {
    if (before.messages[index].kind == Kind::hand_off) return receive_each(before, index);
    State state = before;
    const Message message = take(state, index);
    receive_one(before, state, message);
}

// Those that one message notifies wake each in its own time.
void Steps::receive_each(const State& before, int index) {
    const Message& whole_message = before.messages[index];
    for (Token token = whole_message.token; token < max_tokens; ++token) {
        if ((whole_message.behind >> token & 1) == 0) continue;
        State state = before;
        Message one = whole_message;
        one.token = token;
        one.fence = fence_of(whole_message, token);
        Message& rest = state.messages[index];
        rest.behind = small(rest.behind & ~(1 << token));
        if (rest.behind == 0) static_cast<void>(take(state, index));
        receive_one(before, state, one);
    }
}

void Steps::receive_one(const State& before, State state, const Message& message) {
    const int client = setup_.client_of(message.token);
    Property broken = Property::none;
    bool has_room = true;
    switch (message.kind) {
        case Kind::granted: has_room = receive_granted(state, message); break;
        case Kind::held: has_room = receive_held(state, message, broken); break;
        case Kind::refused: receive_refused(state, message); break;
        case Kind::hand_off: has_room = receive_hand_off(state, message); break;
        case Kind::renewed: receive_renewed(state, message); break;
        case Kind::not_yours: receive_not_yours(state, message, broken); break;
        case Kind::released:
            if (message.value == 1) state.debts[message.token].owed = false;
            has_room = message.value != 2 || name_all_keys(state, message.token);
            break;
        default: return;
    }
    if (!has_room) return;
    add(
        state,
        [&] {
            const Client& now = state.clients[client];
            const bool is_new = before.clients[client].phase != Phase::holding;
            const bool holds = now.phase == Phase::holding;
            return name_of(client) + " gets: " + name(message) +
                   (holds ? fmt::format(", {} for {} more", is_new ? "believes it" : "holds",
                                        now.belief)
                          : "");
        },
        broken);
}

void Steps::receive_renewed(State& state, const Message& message) {
    const int age = keeps(Rule::belief_counts_from_send) ? message.age : 0;
    Ticks& belief = state.clients[setup_.client_of(message.token)].belief;
    belief = std::max(belief, small(message.value - age));
    Debt& debt = state.debts[message.token];
    const Claim wanted = setup_.wants[setup_.client_of(message.token)];
    debt.is_reader = debt.is_reader || (message.live && wanted == whole);
}

// That the whole is not its own proves nothing to one that is a reader by now.
void Steps::receive_not_yours(State& state, const Message& message, Property& broken) {
    const bool is_void = !message.live && state.debts[message.token].is_reader;
    if (is_void && keeps(Rule::no_of_before_is_none)) return;
    const Store& store = state.store;
    const bool is_his = is_held_by(store, message.token) || find_lease(store, message.token);
    if (is_his) broken = Property::no_false_loss;
    end_session(state, setup_.client_of(message.token), true);
}

bool Steps::receive_granted(State& state, const Message& message) {
    const int index = setup_.client_of(message.token);
    Client& client = state.clients[index];
    client.asked = false;
    if (is_latch(setup_.wants[index])) {
        end_latch_call(state, index);
        return true;
    }
    const int age = keeps(Rule::belief_counts_from_send) ? message.age : 0;
    const Ticks belief = small(setup_.ttl_of(index) - age);
    if (belief > 0) {
        hold(state, index, belief, message.fence, message.age);
        state.debts[message.token].unqueued = client.polls == 1;
        return true;
    }
    // Granted too late: it is given back at once.
    end_session(state, index, true);
    return send_release(state, message.token, true);
}

// Whether the lock is held by a token whose release this process has written.
bool Steps::is_own_release(const State& state, int index, Token holder) const {
    if (!is_token(holder)) return false;
    return setup_.process_of_token(holder) == setup_.process_of[index] &&
           !is_current(setup_, state, holder, without_);
}

// The release is sent once more, and the next poll goes right after it.
bool Steps::clear_way(State& state, int index, Token in_the_way) {
    if (state.debts[in_the_way].owed && !name_all_keys(state, in_the_way)) return false;
    if (!send_acquire(state, index)) return false;
    Message& poll = state.messages[state.in_flight - 1];
    poll.behind = small(poll.behind | 1 << in_the_way);
    return true;
}

bool Steps::receive_held(State& state, const Message& message, Property& broken) {
    const int index = setup_.client_of(message.token);
    Client& client = state.clients[index];
    client.asked = false;
    client.poll_age = message.age;
    client.poll_fence = message.fence;
    const bool is_own = is_own_release(state, index, message.value);
    if (is_own && keeps(Rule::own_release_is_repeated)) {
        return clear_way(state, index, message.value);
    }
    if (setup_.waits[index]) return true;
    if (is_own) broken = Property::own_release_never_in_the_way;
    const bool may_hold = state.debts[message.token].unseen;
    end_session(state, index, may_hold);
    return true;
}

// Rule 6. A message that is not believed is a reason to poll, no more.
bool Steps::receive_hand_off(State& state, const Message& message) {
    const int index = setup_.client_of(message.token);
    Client& client = state.clients[index];
    const bool has_polled = client.poll_fence >= 0;
    const bool is_new = message.fence > client.poll_fence || !keeps(Rule::message_needs_new_fence);
    const int age = keeps(Rule::message_counts_from_poll) ? client.poll_age : 0;
    const Ticks belief = small(setup_.short_ttl - age);
    if (!has_polled || !is_new || belief <= 0) return true;
    if (is_latch(setup_.wants[index])) {
        // The newest poll may be out still, whose answer is not needed any more.
        Debt& debt = state.debts[message.token];
        debt.unseen = debt.unseen || client.asked;
        end_latch_call(state, index);
        return true;
    }
    // Without renewal, or with a min_hold, a short grant is not enough: it acquires once
    // more, and the store answers with the same fence and a whole ttl.
    if (!setup_.short_is_enough && keeps(Rule::winner_asks_for_all))
        return send_acquire(state, index);
    hold(state, index, belief, message.fence, client.poll_age);
    return true;
}

}  // namespace leaselock::model

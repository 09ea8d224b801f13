// The server: a command that is in flight arrives, and its script runs.
#include <algorithm>
#include <fmt/core.h>

#include "model/steps.hpp"

namespace leaselock::model {
namespace {

unsigned places_of(const Store& store, bool (*wanted)(const State&, const Setup&, Token),
                   const State& state, const Setup& setup) {
    unsigned tokens = 0;
    for (int i = 0; i < store.places; ++i) {
        if (wanted(state, setup, store.queue[i].token)) tokens |= 1U << store.queue[i].token;
    }
    return tokens;
}

bool is_of_dead(const State& state, const Setup& setup, Token token) {
    return state.clients[setup.client_of(token)].phase == Phase::dead;
}

bool is_in_front(const State& state, const Setup& /*setup*/, Token token) {
    return state.store.queue[0].token == token;
}

}  // namespace

// The releases in flight behind which it was written on one connection.
Small Steps::ahead_of(const State& state, const Message& command) const {
    Small tokens = 0;
    for (int i = 0; i < state.in_flight; ++i) {
        const Message& each = state.messages[i];
        if (each.kind == Kind::release && each.live) tokens = small(tokens | 1 << each.token);
    }
    return small(tokens & command.behind);
}

void Steps::run(const State& before, int index) {
    State state = before;
    const Message command = take(state, index);
    if (command.kind == Kind::acquire) {
        const bool is_in_turn = ahead_of(before, command) == 0;
        if (is_in_turn || !keeps(Rule::release_goes_first)) run_acquire(before, state, command);
    } else if (command.kind == Kind::renew) {
        run_renew(before, state, command);
    } else {
        run_release(before, state, command, 0);
        // PUBLISH reaches nobody: the process died, or it connects again just now.
        const unsigned dead = places_of(before.store, is_of_dead, before, setup_);
        if (dead != 0) run_release(before, state, command, dead);
        const unsigned first = places_of(before.store, is_in_front, before, setup_);
        if (setup_.deaf && (first & ~dead) != 0) run_release(before, state, command, first | dead);
    }
    if (setup_.replica && command.kind != Kind::acquire) answer_from_replica(before, index);
}

void Steps::run_acquire(const State& before, State& state, const Message& command) {
    const bool waits = setup_.waits[setup_.client_of(command.token)];
    const Ticks life = waits ? setup_.place_life : small(0);
    const AcquireArguments what{command.token, setup_.ttl, command.value, life};
    const AcquireAnswer reply = acquire(state.store, what, without_);
    Message answer{
        .token = command.token, .age = command.age, .fence = reply.fence, .live = command.live};
    if (reply.what == AcquireAnswer::stale) {
        return add(state, [&] { return "the server finds " + name(command) + " stale"; });
    }
    if (reply.what == AcquireAnswer::granted) {
        answer.kind = Kind::granted;
        answer.value = 0;
    } else {
        answer.kind = Kind::held;
        answer.value = reply.kept ? nobody : reply.holder;
    }
    post(state, answer);
    const bool is_overtaken = answer.kind == Kind::held && reply.holder >= 0 &&
                              reply.holder < max_tokens &&
                              (ahead_of(before, command) >> reply.holder & 1) != 0;
    add(
        state,
        [&] {
            return fmt::format("the server runs {}: {}, fence {}", name(command),
                               answer.kind == Kind::granted ? "granted" : "held", reply.fence);
        },
        is_overtaken ? Property::own_release_never_in_the_way : judge(before, state, command));
}

void Steps::run_renew(const State& before, State& state, const Message& command) {
    const bool is_mine = renew(state.store, command.token, command.value, without_);
    post(state, {.kind = is_mine ? Kind::renewed : Kind::not_yours,
                 .token = command.token,
                 .age = command.age,
                 .value = is_mine ? command.value : small(0)});
    add(
        state,
        [&] {
            return fmt::format("the server runs {}: {}", name(command),
                               is_mine ? "prolonged" : "not his");
        },
        judge(before, state, command));
}

// What it answers settles a debt if none of the token's acquires can run behind it.
Message Steps::answer_to_release(const State& state, Token token) const {
    const bool settles =
        state.debts[token].not_after < 0 || !keeps(Rule::clean_up_outlasts_acquires);
    return {.kind = Kind::released, .token = token, .value = small(settles ? 1 : 0)};
}

std::string Steps::words_for_release(const Message& command, const ReleaseAnswer& reply) const {
    std::string words = "the server runs " + name(command);
    words += reply.released ? ": released" : ": not his";
    if (reply.handed_to != nobody) words += ", handed over to " + name_of(setup_, reply.handed_to);
    return words;
}

// An answer and the message of a hand-off may not both find room in flight. Then one of them is
// lost, or, where nothing is lost, the command waits.
void Steps::run_release(const State& before, const State& taken, const Message& command,
                        unsigned deaf) {
    State state = taken;
    const ReleaseArguments what{command.token, command.value, setup_.short_ttl, deaf};
    const ReleaseAnswer reply = release(state.store, what, without_);
    const Property broken = judge(before, state, command);
    const bool frees = reply.released && what.keep == 0;
    const bool overheard = frees && deaf != 0 && !keeps(Rule::only_grants_are_told);
    if (overheard) tell_deaf(taken, state, deaf);
    const auto add_with = [&](const State& to, const char* how) {
        const auto words = [&] { return words_for_release(command, reply) + how; };
        add(to, words, broken);
    };
    const Message answer = answer_to_release(state, command.token);
    const Message told{.kind = Kind::hand_off,
                       .token = std::max(reply.handed_to, small(0)),
                       .fence = state.store.fence};
    State both = state;
    if (post(both, answer) && (reply.handed_to == nobody || post(both, told))) {
        return add_with(both, overheard ? ", PUBLISH counts nobody" : "");
    }
    if (!setup_.loses) return;
    State answered = state;
    if (post(answered, answer)) add_with(answered, " (the message is lost)");
    if (reply.handed_to != nobody && post(state, told)) add_with(state, " (the answer is lost)");
}

// Their subscription is at a replica, or at another node of a cluster: PUBLISH does not count them,
// and they hear it. The fence is the one that was minted for them.
void Steps::tell_deaf(const State& before, State& state, unsigned deaf) const {
    for (int i = 0; i < before.store.places; ++i) {
        const Token token = before.store.queue[i].token;
        if ((deaf >> token & 1U) == 0) continue;
        post(state,
             {.kind = Kind::hand_off, .token = token, .fence = small(before.store.fence + 1)});
    }
}

// It has the data of a moment ago, when the lock was not there yet. With rule 7 it answers
// READONLY, which is as good as no answer.
void Steps::answer_from_replica(const State& before, int index) {
    if (keeps(Rule::no_is_proven)) return;
    State state = before;
    const Message command = take(state, index);
    const bool is_renew = command.kind == Kind::renew;
    post(state, {.kind = is_renew ? Kind::not_yours : Kind::released,
                 .token = command.token,
                 .value = small(is_renew ? 0 : 1)});
    add(state, [&] { return "a demoted replica answers " + name(command) + ": not his"; });
}

// What must hold of a step at the store itself.
Property Steps::judge(const State& before, const State& after, const Message& command) const {
    const Store& was = before.store;
    const Store& is = after.store;
    if (is.fence < was.fence) return Property::fences_rise;
    const bool is_grant = is.holder == command.token && was.holder != command.token;
    if (command.kind == Kind::acquire && is_grant) {
        Store store = was;
        const Token first = first_in_queue(store);
        if (first != nobody && first != command.token) return Property::turn_is_kept;
    }
    const bool is_ours = was.holder != nobody && was.holder != somebody_else;
    if (is_ours && is.holder != was.holder && before.debts[was.holder].rest > 0) {
        return Property::min_hold_lasts;
    }
    if (was.kept && is.left > was.left && command.kind != Kind::release) {
        return Property::min_hold_ends;
    }
    return Property::none;
}

}  // namespace leaselock::model

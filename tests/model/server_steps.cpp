// The server: a command that is in flight arrives, and its script runs.
#include <algorithm>
#include <fmt/format.h>

#include "model/steps.hpp"

namespace leaselock::model {
namespace {

unsigned entries_of(const Store& store, bool (*wanted)(const State&, const Setup&, Token),
                    const State& state, const Setup& setup) {
    unsigned tokens = 0;
    for (int i = 0; i < store.entries; ++i) {
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
    const bool is_overtaking = command.kind == Kind::acquire && ahead_of(before, command) != 0;
    if (is_overtaking && keeps(Rule::release_goes_first)) return;
    const bool names_two = command.kind == Kind::release && command.behind != 0;
    if (names_two) {
        run_uncontended_release(before, state, command, false);
        if (state.store.entries == 0) run_uncontended_release(before, state, command, true);
    } else {
        run_script(before, state, command, 0);
    }
    const bool may_hand_over =
        command.kind == Kind::release || claim_of(setup_, before, command.token) != whole;
    if (may_hand_over && !names_two) {
        // PUBLISH reaches nobody: the process died, or it connects again just now.
        const unsigned dead = entries_of(before.store, is_of_dead, before, setup_);
        if (dead != 0) run_script(before, state, command, dead);
        const unsigned first = entries_of(before.store, is_in_front, before, setup_);
        if (setup_.deaf && (first & ~dead) != 0) run_script(before, state, command, first | dead);
    }
    if (setup_.moving) run_while_moving(before, state, command, index);
    const bool is_believed = command.kind != Kind::acquire && !keeps(Rule::no_is_proven);
    if (setup_.replica && is_believed) answer_not_his(before, index, "a demoted replica");
}

// TRYAGAIN: the keys of the slot are in two places, and what names one key finds it.
void Steps::run_while_moving(const State& before, const State& state, const Message& command,
                             int index) {
    if (command.kind == Kind::release) run_short_release(before, state, command);
    if (command.kind == Kind::acquire && !keeps(Rule::one_key_makes_no_lock)) {
        run_short_acquire(before, state, command);
    }
    if (command.kind == Kind::renew && !keeps(Rule::target_after_ask_alone)) {
        answer_not_his(before, index, "the slot's next node");
    }
}

void Steps::run_script(const State& before, State state, const Message& command, unsigned deaf) {
    switch (command.kind) {
        case Kind::acquire:
            if (is_latch(claim_of(setup_, before, command.token))) {
                return run_latch(state, command, deaf);
            }
            return run_acquire(before, state, command, deaf);
        case Kind::renew: return run_renew(before, state, command, deaf);
        default: return run_release(before, state, command, deaf);
    }
}

AcquireArguments Steps::arguments_of(const Message& command, unsigned deaf) const {
    const int client = setup_.client_of(command.token);
    return {.token = command.token,
            .ttl = setup_.ttl_of(client),
            .not_after = command.value,
            .entry_life = setup_.waits[client] ? setup_.entry_life : small(0),
            .claim = setup_.wants[client],
            .short_ttl = setup_.short_ttl,
            .deaf = deaf,
            .prefix = setup_.prefix_of(command.token)};
}

void Steps::run_acquire(const State& before, State& state, const Message& command, unsigned deaf) {
    const AcquireArguments what = arguments_of(command, deaf);
    const Claim claim = what.claim;
    const AcquireAnswer reply = claim == whole ? acquire(state.store, what, without_)
                                               : share_acquire(state.store, what, without_);
    if (reply.what == AcquireAnswer::stale) {
        return add(state, [&] { return "the server finds " + name(command) + " stale"; });
    }
    const bool is_granted = reply.what == AcquireAnswer::granted;
    const bool conflicts = reply.what == AcquireAnswer::conflict;
    const Message answer{.kind = is_granted  ? Kind::granted
                                 : conflicts ? Kind::refused
                                             : Kind::held,
                         .token = command.token,
                         .age = command.age,
                         .fence = reply.fence,
                         .value = is_granted   ? small(0)
                                  : reply.kept ? nobody
                                               : reply.holder,
                         .live = command.live};
    const bool is_overtaken =
        !is_granted && is_token(reply.holder) && (ahead_of(before, command) >> reply.holder & 1);
    const std::string words =
        conflicts ? "refused, it is a latch"
                  : fmt::format("{}, fence {}", is_granted ? "granted" : "held", reply.fence);
    say(state, command,
        {answer, reply.winners, words,
         is_overtaken ? Property::own_release_never_in_the_way
                      : judge(before, state, command, reply.winners)});
}

void Steps::run_renew(const State& before, State& state, const Message& command, unsigned deaf) {
    const RenewArguments what{.token = command.token,
                              .ttl = command.value,
                              .claim = claim_of(setup_, before, command.token),
                              .short_ttl = setup_.short_ttl,
                              .deaf = deaf,
                              .prefix = setup_.prefix_of(command.token)};
    const RenewAnswer reply = command.live ? share_renew(state.store, what, without_)
                                           : renew(state.store, what, without_);
    const Message answer{.kind = reply.renewed ? Kind::renewed : Kind::not_yours,
                         .token = command.token,
                         .age = command.age,
                         .value = reply.renewed ? command.value : small(0),
                         .live = command.live};
    say(state, command,
        {answer, reply.winners, reply.renewed ? "prolonged" : "not its own",
         judge(before, state, command, reply.winners)});
}

// What it answers settles a debt if none of the token's acquires can run after it.
Message Steps::answer_to_release(const State& state, Token token) const {
    const bool settles =
        state.debts[token].not_after < 0 || !keeps(Rule::clean_up_outlasts_acquires);
    return {.kind = Kind::released, .token = token, .value = small(settles ? 1 : 0)};
}

void Steps::run_release(const State& before, State& state, const Message& command, unsigned deaf) {
    const State taken = state;
    const ReleaseArguments what{.token = command.token,
                                .keep = command.value,
                                .short_ttl = setup_.short_ttl,
                                .deaf = deaf,
                                .claim = claim_of(setup_, before, command.token),
                                .prefix = setup_.prefix_of(command.token)};
    const ReleaseAnswer reply = what.claim == whole ? release(state.store, what, without_)
                                                    : share_release(state.store, what, without_);
    const bool overheard =
        reply.released && what.keep == 0 && deaf != 0 && !keeps(Rule::only_grants_are_told);
    const Property broken = judge(before, state, command, reply.winners);
    if (overheard) tell_deaf(taken, state, deaf);
    const char* const words = !reply.released ? "not its own"
                              : overheard     ? "released, PUBLISH counts nobody"
                                              : "released";
    say(state, command, {answer_to_release(state, command.token), reply.winners, words, broken});
}

// It tells no time: its yes settles what is owed.
void Steps::run_uncontended_release(const State& before, State state, const Message& command,
                                    bool has_dead) {
    Store waited_for = state.store;
    const bool is_awaited = first_in_queue(waited_for, without_) != nobody;
    const ReleaseAnswer reply = uncontended_release(state.store, command.token, has_dead, without_);
    const bool settles = reply.released || !keeps(Rule::two_keys_no_is_no_answer);
    const Message answer{
        .kind = Kind::released, .token = command.token, .value = small(settles ? 1 : 2)};
    say(state, command,
        {answer,
         {},
         reply.released ? "released by two keys" : "nothing is done by two keys",
         reply.released && is_awaited ? Property::waiter_gets_what_is_freed
                                      : judge(before, state, command, {})});
}

// It may leave a queue entry, so its "not yours" is no answer to who owes a release.
void Steps::run_short_release(const State& before, State state, const Message& command) {
    const bool has_form = command.value == 0 && claim_of(setup_, before, command.token) == whole;
    if (!has_form) return;
    const ReleaseAnswer reply = short_release(state.store, command.token, without_);
    Message answer = answer_to_release(state, command.token);
    if (!reply.released && keeps(Rule::short_no_settles_nothing)) answer.value = 0;
    say(state, command,
        {answer,
         {},
         reply.released ? "released by one key" : "not its own, by one key",
         judge(before, state, command, {})});
}

void Steps::run_short_acquire(const State& before, State state, const Message& command) {
    if (state.store.holder != nobody || command.value < 0) return;
    detail::mint_fence(state.store, setup_.prefix_of(command.token), without_);
    detail::grant(state.store, command.token, whole, setup_.ttl, without_);
    const Message answer{.kind = Kind::granted,
                         .token = command.token,
                         .age = command.age,
                         .fence = state.store.fence,
                         .live = command.live};
    say(state, command, {answer, {}, "granted by one key", judge(before, state, command, {})});
}

std::string Steps::words_for(const Message& command, const Said& what) const {
    std::string text = fmt::format("the server runs {}: {}", name(command), what.words);
    for (int i = 0; i < what.winners.count; ++i) {
        text += i == 0 ? ", handed over to " : " and ";
        text += name_of(setup_, what.winners.tokens[i]);
    }
    return text;
}

// One message for each of their processes, which tells all that are in it: in the script in the
// order of their entries, here in that of their tokens, since no rule asks for more.
int Steps::messages_of(const State& state, const Winners& winners, Message* messages) const {
    int count = 0;
    const bool shares_fence = !keeps(Rule::fence_for_each);
    Fence fence = shares_fence ? state.store.fence : small(state.store.fence - winners.count + 1);
    unsigned rest = 0;
    for (int i = 0; i < winners.count; ++i) rest |= 1U << winners.tokens[i];
    for (int i = 0; i < winners.count; ++i) {
        const int process = setup_.process_of_token(winners.tokens[i]);
        unsigned group = 0;
        for (int k = i; k < winners.count; ++k) {
            const Token token = winners.tokens[k];
            const bool is_of_it = setup_.process_of_token(token) == process;
            if (is_of_it && (!shares_fence || k == i)) group |= rest & 1U << token;
        }
        if (group == 0) continue;
        rest &= ~group;
        messages[count++] = {.kind = Kind::hand_off,
                             .token = small(std::countr_zero(group)),
                             .fence = fence,
                             .value = small(static_cast<int>(group)),
                             .behind = small(static_cast<int>(group))};
        if (!shares_fence) fence = small(fence + std::popcount(group));
    }
    return count;
}

// An answer and the messages of a hand-off may not all find room in flight. Then some of them are
// lost, or, where nothing is lost, the command waits.
void Steps::say(const State& state, const Message& command, const Said& what) {
    Message said[1 + max_clients] = {what.answer};
    const int count = 1 + messages_of(state, what.winners, said + 1);
    const int room = std::min(setup_.messages - state.in_flight, count);
    if (room < count && !setup_.loses) return;
    for (unsigned chosen = 1; chosen < 1U << count; ++chosen) {
        if (std::popcount(chosen) != room) continue;
        State next = state;
        for (int i = 0; i < count; ++i) {
            if ((chosen >> i & 1U) != 0) post(next, said[i]);
        }
        const char* const how = room == count        ? ""
                                : (chosen & 1U) == 0 ? " (the answer is lost)"
                                                     : " (a message is lost)";
        add(
            next, [&] { return words_for(command, what) + how; }, what.broken);
    }
}

// Their subscription is at a replica, or at another node of a cluster: PUBLISH does not count them,
// and they hear it. The fence is the one that was minted for them.
void Steps::tell_deaf(const State& before, State& state, unsigned deaf) const {
    for (int i = 0; i < before.store.entries; ++i) {
        const Token token = before.store.queue[i].token;
        if ((deaf >> token & 1U) == 0) continue;
        post(state, {.kind = Kind::hand_off,
                     .token = token,
                     .fence = small(before.store.fence + 1),
                     .value = small(1 << token),
                     .behind = small(1 << token)});
    }
}

// By one who does not have the lock: a demoted replica has the data of a moment ago, and with rule
// 7 answers READONLY, which is as good as no answer; a slot's next node does not have the key yet.
void Steps::answer_not_his(const State& before, int index, const char* who) {
    State state = before;
    const Message command = take(state, index);
    const bool is_renew = command.kind == Kind::renew;
    post(state, {.kind = is_renew ? Kind::not_yours : Kind::released,
                 .token = command.token,
                 .value = small(is_renew ? 0 : 1)});
    add(state, [&] { return fmt::format("{} answers {}: not its own", who, name(command)); });
}

}  // namespace leaselock::model

// Latches: what their commands do at the store, what their callers make of the answers, and a
// reset.
#include <algorithm>
#include <bit>
#include <fmt/format.h>

#include "model/steps.hpp"

namespace leaselock::model {
namespace {

// A call that counts or waits has run.
void note(Tally& tally, const AcquireArguments& call, const AcquireAnswer& answer) {
    const int bit = 1 << call.token;
    if (tally.left <= 0) tally.now = 0;
    tally.left = std::max(tally.left, call.ttl);
    if (answer.winners.count > 0) tally.left = std::max(tally.left, call.short_ttl);
    if (call.claim.want != to_count || (tally.ever & bit) != 0) return;
    tally.ever = small(tally.ever | bit);
    tally.now = small(tally.now | bit);
}

const char* word_for(const AcquireAnswer& answer, Claim claim) {
    if (answer.what == AcquireAnswer::conflict) return "refused, it is a lock";
    if (claim.want == to_count) return "counted";
    return answer.what == AcquireAnswer::granted ? "open" : "not open yet";
}

}  // namespace

void Steps::pass_tally(Tally& tally, int ticks) {
    if (tally.left <= 0) return;
    tally.left = std::max(small(0), small(tally.left - ticks));
    if (tally.left == 0) tally.now = 0;
}

void Steps::run_latch(State& state, const Message& command, unsigned deaf) {
    const AcquireArguments what = arguments_of(command, deaf);
    const AcquireAnswer reply = model::latch(state.store, what, without_);
    if (reply.what == AcquireAnswer::stale) {
        return add(state, [&] { return "the server finds " + name(command) + " stale"; });
    }
    const bool conflicts = reply.what == AcquireAnswer::conflict;
    if (!conflicts) note(state.tally, what, reply);
    const Message answer{.kind = conflicts                              ? Kind::refused
                                 : reply.what == AcquireAnswer::granted ? Kind::granted
                                                                        : Kind::held,
                         .token = command.token,
                         .age = command.age,
                         .fence = reply.fence,
                         .value = nobody,
                         .live = command.live};
    say(state, command,
        {answer, reply.winners, word_for(reply, what.claim),
         judge_latch(state, what.claim, reply, deaf)});
}

Property Steps::judge_latch(const State& after, Claim claim, const AcquireAnswer& answer,
                            unsigned deaf) const {
    if (answer.what == AcquireAnswer::conflict) return Property::none;
    const bool waits = claim.want == to_wait;
    const bool opens = (waits && answer.what == AcquireAnswer::granted) || answer.winners.count > 0;
    const bool all_counted = std::popcount(static_cast<unsigned>(after.tally.now)) >= claim.of;
    if (opens && !all_counted) return Property::latch_opens_by_counts;
    if (waits && !opens && all_counted) return Property::latch_stays_open;
    const Store& store = after.store;
    const bool somebody_stays =
        std::any_of(store.queue, store.queue + store.entries, [&](const QueueEntry& each) {
            return each.claim == awaits(claim.of) && (deaf >> each.token & 1U) == 0;
        });
    return all_counted && somebody_stays ? Property::all_are_notified : Property::none;
}

// It is counted, or open. A waiter owes a release if a poll of it may still run, which would
// make an entry without a waiter.
void Steps::end_latch_call(State& state, int index) {
    const Token token = this->token(state, index);
    const bool may_queue = setup_.wants[index].want == to_wait && state.debts[token].unseen;
    end_session(state, index, may_queue && keeps(Rule::open_wait_owes));
}

// The key is of another kind. What was sent before, and not answered, may have run.
void Steps::receive_refused(State& state, const Message& message) {
    const int index = setup_.client_of(message.token);
    const bool unseen = state.debts[message.token].unseen;
    const bool is_none = !unseen || !keeps(Rule::unseen_count_is_unknown);
    if (setup_.wants[index].want == to_count && is_none) {
        state.tally.said_none = small(state.tally.said_none | 1 << message.token);
    }
    end_session(state, index, unseen || setup_.waits[index]);
}

void Steps::reset_latch(const State& before) {
    State state = before;
    const Claim claim = setup_.wants[setup_.clients - 1];
    const bool is_waited_for = first_in_queue(state.store) != nobody;
    if (model::latch_reset(state.store, claim.of, without_).what != ResetAnswer::ended) return;
    state.was_reset = true;
    state.tally.left = state.tally.now = 0;
    add(
        state, [] { return "somebody resets the latch"; },
        is_waited_for ? Property::waited_latch_lives : Property::none);
}

}  // namespace leaselock::model

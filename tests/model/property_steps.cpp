// What must hold of a step at the store itself: of one command that ran there.
#include <algorithm>

#include "model/steps.hpp"

namespace leaselock::model {
namespace {

// Whether the store has something for a token: the lock or a lease, kept or not.
bool has(const Store& store, Token token) {
    if (store.holder == token) return true;
    return store.holder == several &&
           std::any_of(store.table, store.table + store.leases,
                       [&](const Lease& each) { return each.token == token && each.left > 0; });
}

bool holds(const Store& store, Token token) {
    return is_held_by(store, token) || find_lease(store, token) != nullptr;
}

bool has_won(const Winners& winners, Token token) {
    const Token* const end = winners.tokens + winners.count;
    return std::find(winners.tokens, end, token) != end;
}

// The end of something that is kept; 0: nothing is.
Ticks kept_for(const Store& store, Token token) {
    if (store.holder == token) return store.kept ? store.left : small(0);
    for (int i = 0; i < store.leases; ++i) {
        const Lease& each = store.table[i];
        if (each.token == token && each.kept != 0) return each.left;
    }
    return 0;
}

// Whether a share is to be had for who looks: leases that have ended count no more.
bool is_to_be_had(Store store, Token token, Share share) {
    for (int i = store.leases - 1; i >= 0; --i) {
        if (store.table[i].left <= 0) detail::remove_item(store.table, store.leases, i);
    }
    if (store.holder == several && store.leases == 0) detail::free_lock(store);
    const Token first = first_in_queue(store);
    return (first == nobody || first == token) && detail::has_room(store, share);
}

}  // namespace

Property Steps::judge(const State& before, const State& after, const Message& command,
                      const Winners& winners) const {
    const Store& was = before.store;
    const Store& is = after.store;
    if (is.fence < was.fence) return Property::fences_rise;
    const bool is_acquire = command.kind == Kind::acquire;
    const bool is_grant = holds(is, command.token) && !holds(was, command.token);
    if (is_acquire && is_grant) {
        Store store = was;
        const Token first = first_in_queue(store);
        if (first != nobody && first != command.token) return Property::turn_is_kept;
    }
    const Share share = setup_.wants[setup_.client_of(command.token)];
    if (is_acquire && share != whole && !holds(is, command.token) &&
        is_to_be_had(was, command.token, share)) {
        return Property::free_share_is_given;
    }
    int grants = 0;
    for (Token token = 0; token < setup_.tokens(); ++token) {
        if (has(was, token) && !has(is, token) && before.debts[token].rest > 0) {
            return Property::min_hold_lasts;
        }
        const Ticks kept = kept_for(was, token);
        if (kept > 0 && kept_for(is, token) > kept && command.kind != Kind::release) {
            return Property::min_hold_ends;
        }
        const bool is_new = has(is, token) && !has(was, token);
        if (is_new && token != command.token && !has_won(winners, token)) {
            return Property::ended_stays_ended;
        }
        grants += is_new ? 1 : 0;
    }
    // Each grant has a fence of its own.
    return is.fence - was.fence < grants ? Property::fences_rise : Property::none;
}

}  // namespace leaselock::model

// The scripts for latches as functions of what the store holds; see scripts.hpp.
#pragma once

#include "model/scripts.hpp"

namespace leaselock::model {

namespace detail {

inline void count_down(Store& store, Token token, Rule without) {
    const int bit = 1 << token;
    if ((store.counted_before & bit) != 0) return;
    if ((store.counted & bit) != 0 && without == Rule::counts_once) ++store.counted_again;
    store.counted = small(store.counted | bit);
}

}  // namespace detail

// Counts a latch down, or waits for it to open. Makes it, if there is none.
inline AcquireAnswer latch(Store& store, const AcquireArguments& what, Rule without = Rule::none) {
    if (what.not_after < 0 && without != Rule::not_after) return {AcquireAnswer::stale};
    const bool is_there = store.holder == a_latch && store.of == what.claim.of;
    if (store.holder != nobody && !is_there) return {AcquireAnswer::conflict};
    store.holder = a_latch;
    store.of = what.claim.of;
    const bool grows = without != Rule::life_only_grows;
    store.left = grows ? std::max(store.left, what.ttl) : what.ttl;
    const bool counts = what.claim.want == to_count;
    if (counts) detail::count_down(store, what.token, without);
    const Fence fence = detail::fence_for_poll(store, what.prefix, without);
    if (!detail::is_open(store)) {
        if (counts) return {AcquireAnswer::granted, fence};
        if (what.entry_life > 0) detail::join(store, what.token, what.entry_life, what.claim);
        return {AcquireAnswer::held, fence, a_latch};
    }
    detail::leave(store, what.token);
    const Winners winners = detail::hand_over(store, what, without);
    return {AcquireAnswer::granted, fence, a_latch, false, winners};
}

// Ends a latch for which nobody waits.
struct ResetAnswer {
    enum { ended, none, conflict } what;
};
inline ResetAnswer latch_reset(Store& store, int of, Rule without = Rule::none) {
    if (store.holder != a_latch || store.of != of) return {ResetAnswer::none};
    const bool spares = without != Rule::reset_spares_waiters;
    if (spares && first_in_queue(store, without) != nobody) return {ResetAnswer::conflict};
    detail::free_lock(store, without);
    return {ResetAnswer::ended};
}

}  // namespace leaselock::model

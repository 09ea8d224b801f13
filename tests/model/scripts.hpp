// The scripts of src/redis/scripts/ as functions of what the store holds: each changes it in one
// atomic step and answers. They are the scripts without Redis, so another test can hold the real
// ones against them. Here are those for the whole of a lock, and the hand-over, which is the same
// for all; share_scripts.hpp and latch_scripts.hpp have the others.
#pragma once

#include <bit>

#include "model/store.hpp"

namespace leaselock::model {

// Whom a script hands over to, in the order of their entries.
struct Winners {
    Small count = 0;
    Token tokens[max_entries] = {};
};

struct AcquireArguments {
    Token token;
    Ticks ttl;
    Ticks not_after;   // what is left until it must not run any more; below 0: nothing
    Ticks entry_life;  // 0: takes no entry
    Claim claim = whole;
    Ticks short_ttl = 0;  // of those to whom it hands over, and whom PUBLISH does not reach
    unsigned deaf = 0;
    Small prefix = 0;  // whose counter it names
};
struct AcquireAnswer {
    enum { granted, held, stale, conflict } what;
    Fence fence = 0;        // at least the key's last, and below the next
    Token holder = nobody;  // held: of the lock; nobody: it is free, and somebody else's turn
    bool kept = false;
    Winners winners{};
};
struct RenewArguments {
    Token token;
    Ticks ttl;
    Claim claim = whole;
    Ticks short_ttl = 0;
    unsigned deaf = 0;
    Small prefix = 0;
};
struct RenewAnswer {
    bool renewed;  // false: not its own
    Winners winners{};
};
struct ReleaseArguments {
    Token token;
    Ticks keep;         // how long the key stays taken; 0 frees it
    Ticks short_ttl;    // how long a lock that is handed over lives
    unsigned deaf = 0;  // by token: PUBLISH reaches nobody
    Claim claim = whole;
    Small prefix = 0;
};
struct ReleaseAnswer {
    bool released;
    Winners winners{};
};

namespace detail {

// All that is taken of a lock of shares.
[[nodiscard]] inline int used_shares(const Store& store) {
    int used = 0;
    for (int i = 0; i < store.leases; ++i) used += store.table[i].count;
    return used;
}

// Whether so many have counted as must.
[[nodiscard]] inline bool is_open(const Store& store) {
    const auto counted = static_cast<unsigned>(static_cast<unsigned char>(store.counted));
    return store.holder == a_latch && std::popcount(counted) + store.counted_again >= store.of;
}

[[nodiscard]] inline bool has_room(const Store& store, Claim claim) {
    if (is_latch(claim)) return is_open(store) && store.of == claim.of;
    if (store.holder == nobody) return true;
    if (store.holder != several || claim == whole || claim.of != store.of) return false;
    return store.leases > 0 && (claim.of == 0 || used_shares(store) + claim.count <= claim.of);
}

inline Lease& lease_of(Store& store, Token token) {
    auto* const end = store.table + store.leases;
    auto* const found = std::find_if(
        store.table, end, [&](const Lease& each) { return each.token == token && each.kept == 0; });
    if (found != end) return *found;
    Lease& fresh = store.table[store.leases++];
    fresh = {token, 0, 0, 0};
    return fresh;
}

// Makes or prolongs a lease.
inline void take_share(Store& store, Token token, Claim claim, Ticks life, Rule without) {
    if (store.holder != several) {
        free_lock(store, without);
        store.holder = several;
        store.of = claim.of;
        store.counted_before = 0;  // the table was theirs
    }
    store.left = std::max(store.left, life);
    Lease& lease = lease_of(store, token);
    const bool grows = without != Rule::life_only_grows;
    lease.left = grows ? std::max(lease.left, life) : life;
    lease.count = claim.count;
}

// By a sound clock a fence is above all that were minted before, from whatever counter; by one that
// went back it is above those of its own counter.
inline void mint_fence(Store& store, Small prefix, Rule without) {
    const bool falls = without == Rule::fence_from_counter && store.clock_is_behind;
    Fence& counter = store.counters[prefix];
    counter = small(falls                   ? store.fence - 1
                    : store.clock_is_behind ? counter + 1
                                            : store.fence + 1);
    store.fence = counter;
}

// What is certainly not below any fence that was minted before.
[[nodiscard]] inline Fence fence_for_poll(const Store& store, Small prefix, Rule without) {
    const bool knows_time = !store.clock_is_behind && without != Rule::poll_tells_time;
    return knows_time ? store.fence : store.counters[prefix];
}

inline void grant(Store& store, Token token, Claim claim, Ticks life, Rule without) {
    leave(store, token);
    if (is_latch(claim)) {
        store.left = std::max(store.left, life);
        return;
    }
    if (claim != whole) return take_share(store, token, claim, life, without);
    store.holder = token;
    store.left = life;
}

// What is free goes to those who wait first: a whole lock to one, shares to as many as there are.
template <class Arguments>
Winners hand_over(Store& store, const Arguments& what, Rule without) {
    Winners winners;
    for (int i = 0; i < store.entries;) {
        const QueueEntry entry = store.queue[i];
        if (!is_alive(entry, without)) {
            remove_entry(store, i);
            continue;
        }
        if (!has_room(store, entry.claim)) break;
        if ((what.deaf >> entry.token & 1U) != 0) {
            ++i;
            continue;
        }
        if (winners.count == 0 || without != Rule::fence_for_each) {
            mint_fence(store, what.prefix, without);
        }
        grant(store, entry.token, entry.claim, what.short_ttl, without);
        winners.tokens[winners.count++] = entry.token;
        if (store.holder == a_latch && without == Rule::all_are_notified) break;
    }
    return winners;
}

}  // namespace detail

inline AcquireAnswer acquire(Store& store, const AcquireArguments& what,
                             Rule without = Rule::none) {
    if (what.not_after < 0 && without != Rule::not_after) return {AcquireAnswer::stale};
    if (is_held_by(store, what.token, without)) {
        const bool grows = without != Rule::life_only_grows;
        store.left = grows ? std::max(store.left, what.ttl) : what.ttl;
        if (without != Rule::retry_mints) detail::mint_fence(store, what.prefix, without);
        return {AcquireAnswer::granted, store.counters[what.prefix], what.token};
    }
    if (store.holder == a_latch && without != Rule::latch_refuses_locks) {
        return {AcquireAnswer::conflict};
    }
    const Token first = first_in_queue(store, without);
    const bool may_pass = without == Rule::nobody_passes && what.entry_life == 0;
    if (store.holder == nobody && (first == nobody || first == what.token || may_pass)) {
        detail::mint_fence(store, what.prefix, without);
        detail::grant(store, what.token, whole, what.ttl, without);
        return {AcquireAnswer::granted, store.fence, what.token};
    }
    if (what.entry_life > 0) detail::join(store, what.token, what.entry_life, whole);
    return {AcquireAnswer::held, detail::fence_for_poll(store, what.prefix, without), store.holder,
            store.kept};
}

// Rule 7 is about who answers, so it is not to be seen here.
inline RenewAnswer renew(Store& store, const RenewArguments& what, Rule without = Rule::none) {
    if (!is_held_by(store, what.token, without)) {
        if (without != Rule::renewal_makes_no_lock || store.holder != nobody) return {false};
        store.holder = what.token;
    }
    const bool grows = without != Rule::life_only_grows;
    store.left = grows ? std::max(store.left, what.ttl) : what.ttl;
    return {true};
}

// Also leaves the queue, so it is what a waiter who gives up says, too.
inline ReleaseAnswer release(Store& store, const ReleaseArguments& what,
                             Rule without = Rule::none) {
    if (without != Rule::release_ends_entry) detail::leave(store, what.token);
    if (!is_held_by(store, what.token, without)) return {false};
    if (what.keep > 0) {
        store.kept = true;
        store.left = what.keep;
        return {true};
    }
    detail::free_lock(store, without);
    return {true, detail::hand_over(store, what, without)};
}

// Names the lock and the queue. Not released: nothing was done, whyever. Who died in the queue may
// be there still.
inline ReleaseAnswer uncontended_release(Store& store, Token token, bool has_dead,
                                         Rule without = Rule::none) {
    const bool has_queue = store.entries > 0 || has_dead;
    const bool is_awaited = has_queue && without != Rule::two_keys_spare_who_waits;
    if (!is_held_by(store, token, without) || is_awaited) return {false};
    detail::free_lock(store, without);
    return {true};
}

// While a slot moves: names the lock alone, so it knows no queue, and hands over to nobody.
inline ReleaseAnswer short_release(Store& store, Token token, Rule without = Rule::none) {
    if (!is_held_by(store, token, without)) return {false};
    detail::free_lock(store, without);
    return {true};
}

}  // namespace leaselock::model

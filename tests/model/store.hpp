// What the store holds for one key, and the scripts as functions of it: each changes the store in
// one atomic step and answers. They are the scripts of src/redis/scripts/ without Redis, so another
// test can hold the real ones against them.
//
// All times are what is left of something, in ticks; pass() lets time go by. A fence is a small
// number that rises. Nothing here knows a client, a message or a process.
#pragma once

#include <algorithm>
#include <cstdint>

#include "model/rules.hpp"

namespace leaselock::model {

using Small = std::int8_t;
using Token = Small;
using Ticks = Small;
using Fence = Small;

constexpr Small small(int value) { return static_cast<Small>(value); }

inline constexpr Token nobody = -1;
inline constexpr Token somebody_else = 100;  // whoever locks by SET NX PX, with a token of his own
inline constexpr int max_places = 6;

struct Place {
    Token token;
    Ticks left;  // until it ends
    Ticks life;  // what `left` was when it was taken or refreshed
};

struct Store {
    Token holder = nobody;
    bool kept = false;             // released by its holder, and taken for the rest of min_hold
    Ticks left = 0;                // of the lock
    Fence fence = 0;               // the last one; 0: there was none
    bool clock_is_behind = false;  // it went back behind the time of the last fence
    Small places = 0;
    Place queue[max_places] = {};
};

// Whether a command of this token finds the lock to be its own. A kept one is nobody's any more.
[[nodiscard]] inline bool is_held_by(const Store& store, Token token, Rule without = Rule::none) {
    return store.holder == token && (!store.kept || without == Rule::kept_is_no_token);
}

namespace detail {

inline void remove_place(Store& store, int index) {
    std::copy(store.queue + index + 1, store.queue + store.places, store.queue + index);
    store.queue[--store.places] = {};
}

inline int find_place(const Store& store, Token token) {
    const auto* const end = store.queue + store.places;
    const auto* const found =
        std::find_if(store.queue, end, [&](const Place& each) { return each.token == token; });
    return found == end ? -1 : static_cast<int>(found - store.queue);
}

inline void leave(Store& store, Token token) {
    if (const int index = find_place(store, token); index >= 0) remove_place(store, index);
}

inline void join(Store& store, Token token, Ticks life) {
    const int index = find_place(store, token);
    if (index < 0 && store.places == max_places) return;
    Place& place = index < 0 ? store.queue[store.places++] : store.queue[index];
    place = {token, life, life};
}

// A place that has more left than it was ever given is of a time before the clock went back.
inline bool is_alive(const Place& place, Rule without) {
    return without == Rule::place_knows_its_life || place.left <= place.life;
}

inline void free_lock(Store& store) {
    store.holder = nobody;
    store.kept = false;
    store.left = 0;
}

inline void grant(Store& store, Token token, Ticks life, Rule without) {
    const bool falls = without == Rule::fence_from_counter && store.clock_is_behind;
    store.fence = small(store.fence + (falls ? -1 : 1));
    store.holder = token;
    store.left = life;
    leave(store, token);
}

}  // namespace detail

// The first place that lives; those in front of it that do not are swept out.
inline Token first_in_queue(Store& store, Rule without = Rule::none) {
    while (store.places > 0 && !detail::is_alive(store.queue[0], without)) {
        detail::remove_place(store, 0);
    }
    return store.places > 0 ? store.queue[0].token : nobody;
}

struct AcquireArguments {
    Token token;
    Ticks ttl;
    Ticks not_after;   // what is left until it must not run any more; below 0: nothing
    Ticks place_life;  // 0: takes no place
};
struct AcquireAnswer {
    enum { granted, held, stale } what;
    Fence fence;   // the key's last
    Token holder;  // held: of the lock; nobody: it is free, and somebody else's turn
    bool kept;
};

inline AcquireAnswer acquire(Store& store, const AcquireArguments& what,
                             Rule without = Rule::none) {
    if (what.not_after < 0 && without != Rule::not_after)
        return {AcquireAnswer::stale, 0, 0, false};
    if (is_held_by(store, what.token, without)) {
        const bool grows = without != Rule::life_only_grows;
        store.left = grows ? std::max(store.left, what.ttl) : what.ttl;
        if (without == Rule::fence_stays_for_retry) ++store.fence;
        return {AcquireAnswer::granted, store.fence, what.token, false};
    }
    const Token first = first_in_queue(store, without);
    const bool may_pass = without == Rule::nobody_passes && what.place_life == 0;
    if (store.holder == nobody && (first == nobody || first == what.token || may_pass)) {
        detail::grant(store, what.token, what.ttl, without);
        return {AcquireAnswer::granted, store.fence, what.token, false};
    }
    if (what.place_life > 0) detail::join(store, what.token, what.place_life);
    return {AcquireAnswer::held, store.fence, store.holder, store.kept};
}

// True: prolonged; false: not his. Rule 7 is about who answers, so it is not to be seen here.
inline bool renew(Store& store, Token token, Ticks ttl, Rule without = Rule::none) {
    if (!is_held_by(store, token, without)) {
        if (without != Rule::renewal_makes_no_lock || store.holder != nobody) return false;
        store.holder = token;
    }
    store.left = without == Rule::life_only_grows ? ttl : std::max(store.left, ttl);
    return true;
}

struct ReleaseArguments {
    Token token;
    Ticks keep;         // how long the key stays taken; 0 frees it
    Ticks short_ttl;    // how long a lock that is handed over lives
    unsigned deaf = 0;  // by token: PUBLISH reaches nobody
};
struct ReleaseAnswer {
    bool released;
    Token handed_to;
};

// Also leaves the queue, so it is what a waiter who gives up says, too.
inline ReleaseAnswer release(Store& store, const ReleaseArguments& what,
                             Rule without = Rule::none) {
    if (without != Rule::release_ends_place) detail::leave(store, what.token);
    if (!is_held_by(store, what.token, without)) return {false, nobody};
    if (what.keep > 0) {
        store.kept = true;
        store.left = what.keep;
        return {true, nobody};
    }
    detail::free_lock(store);
    for (int i = 0; i < store.places;) {
        const Token token = store.queue[i].token;
        if (!detail::is_alive(store.queue[i], without)) {
            detail::remove_place(store, i);
        } else if ((what.deaf >> token & 1U) != 0) {
            ++i;
        } else {
            detail::grant(store, token, what.short_ttl, without);
            return {true, token};
        }
    }
    return {true, nobody};
}

// What those do who know nothing of queues and fences.
inline bool set_if_free(Store& store, Ticks ttl) {
    if (store.holder != nobody) return false;
    store.holder = somebody_else;
    store.left = ttl;
    return true;
}
inline void compare_and_delete(Store& store, Rule without = Rule::none) {
    if (store.holder == somebody_else || without == Rule::others_compare) detail::free_lock(store);
}

inline void pass(Store& store, Ticks time, Rule without = Rule::none) {
    if (store.holder != nobody) {
        store.left = small(store.left - time);
        if (store.left <= 0) detail::free_lock(store);
    }
    if (without == Rule::place_ends && time > 0) return;
    for (int i = store.places - 1; i >= 0; --i) {
        store.queue[i].left = small(store.queue[i].left - time);
        if (store.queue[i].left <= 0) detail::remove_place(store, i);
    }
}

// The store's clock steps; negative: back. What is left of anything changes with it.
inline void step_clock(Store& store, int ticks, Rule without = Rule::none) {
    pass(store, small(ticks), without);
    store.clock_is_behind = store.clock_is_behind || (ticks < 0 && store.fence > 0);
}

}  // namespace leaselock::model

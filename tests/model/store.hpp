// What the store holds for one key, and what time does to it. Those who change it are the scripts:
// scripts.hpp, and share_scripts.hpp for shares.
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
inline constexpr Token somebody_else = 100;  // others that lock by SET NX PX, with their own tokens
inline constexpr Token several = 101;        // those with a lease in the table of shares
inline constexpr Token a_latch = 102;        // nobody: the key is a latch
[[nodiscard]] constexpr bool is_token(Token holder) {
    return holder >= 0 && holder < somebody_else;
}
inline constexpr int max_entries = 6;
inline constexpr int max_leases = 4;

// What is wanted of the key: the whole of the lock; `count` of the `of` shares that there are, 0
// for any number; or of a latch of `of` to count it down, or to wait until it opens.
enum Want : std::uint8_t { a_lock, to_count, to_wait };
struct Claim {
    std::uint8_t count : 3;
    std::uint8_t of : 3;
    std::uint8_t want : 2;

    friend constexpr bool operator==(Claim a, Claim b) {
        return a.count == b.count && a.of == b.of && a.want == b.want;
    }
};
inline constexpr Claim whole{0, 0, a_lock};
inline constexpr Claim reader{1, 0, a_lock};
// Two shares of two, and so on.
constexpr Claim permits(int count, int of) {
    return {static_cast<std::uint8_t>(count & 7), static_cast<std::uint8_t>(of & 7), a_lock};
}
// Of a latch of so many.
constexpr Claim counts(int of) { return {1, static_cast<std::uint8_t>(of & 7), to_count}; }
constexpr Claim awaits(int of) { return {0, static_cast<std::uint8_t>(of & 7), to_wait}; }
[[nodiscard]] constexpr bool is_latch(Claim claim) { return claim.want != a_lock; }

struct QueueEntry {
    Token token;
    Ticks left;  // until it ends
    Ticks life;  // what `left` was when it was taken or refreshed
    Claim claim;
};

// Some shares of one holder.
struct Lease {
    Token token;
    Ticks left;
    std::uint8_t count : 7;
    std::uint8_t kept : 1;  // released by its holder, as below
};

struct Store {
    Token holder = nobody;
    bool kept = false;  // released by its holder, and taken for the rest of min_hold
    Ticks left = 0;     // of the lock
    // The last one of this key, or of another one of its slot; 0: there was none. And what the
    // counters have from which it is minted: that of each prefix its own.
    Fence fence = 0;
    Fence counters[2] = {};
    bool clock_is_behind = false;  // it went back behind the time of the last fence
    Small entries = 0;
    QueueEntry queue[max_entries] = {};
    // While several hold it, or it is a latch. `left` is that of the longest lease then.
    std::uint8_t of = 0;
    Small leases = 0;
    Lease table[max_leases] = {};
    // Who has counted the latch down, one bit each, and who has for an earlier life of it.
    Small counted = 0;
    Small counted_before = 0;
    Small counted_again = 0;  // how many counted twice; none by the rules
};

// Whether a command of this token finds the lock to be its own. A kept one is nobody's any more.
[[nodiscard]] inline bool is_held_by(const Store& store, Token token, Rule without = Rule::none) {
    return store.holder == token && (!store.kept || without == Rule::kept_is_no_token);
}

namespace detail {

template <class Item>
void remove_item(Item* items, Small& count, int index) {
    std::copy(items + index + 1, items + count, items + index);
    items[--count] = {};
}

inline void remove_entry(Store& store, int index) {
    remove_item(store.queue, store.entries, index);
}

inline int find_entry(const Store& store, Token token) {
    const auto* const end = store.queue + store.entries;
    const auto* const found =
        std::find_if(store.queue, end, [&](const QueueEntry& each) { return each.token == token; });
    return found == end ? -1 : static_cast<int>(found - store.queue);
}

inline void leave(Store& store, Token token) {
    if (const int index = find_entry(store, token); index >= 0) remove_entry(store, index);
}

inline void join(Store& store, Token token, Ticks life, Claim claim) {
    const int index = find_entry(store, token);
    if (index < 0 && store.entries == max_entries) return;
    QueueEntry& entry = index < 0 ? store.queue[store.entries++] : store.queue[index];
    entry = {token, life, life, claim};
}

// An entry that has more left than it was ever given is of a time before the clock went back.
inline bool is_alive(const QueueEntry& entry, Rule without) {
    return without == Rule::entry_knows_its_life || entry.left <= entry.life;
}

// A table of the past lies there until another one is begun, and nobody looks into it.
inline void free_lock(Store& store, Rule without = Rule::none) {
    store.holder = nobody;
    store.kept = false;
    store.left = 0;
    store.of = 0;
    if (without != Rule::counts_for_one_life) {
        store.counted_before = small(store.counted_before | store.counted);
    }
    if (without != Rule::life_begins_empty) store.counted = store.counted_again = 0;
    if (without == Rule::table_is_new) return;
    while (store.leases > 0) remove_item(store.table, store.leases, store.leases - 1);
}

}  // namespace detail

// The first entry that lives; those in front of it that do not are swept out.
inline Token first_in_queue(Store& store, Rule without = Rule::none) {
    while (store.entries > 0 && !detail::is_alive(store.queue[0], without)) {
        detail::remove_entry(store, 0);
    }
    return store.entries > 0 ? store.queue[0].token : nobody;
}

// The live lease of a token that is not kept; null if it has none.
[[nodiscard]] inline const Lease* find_lease(const Store& store, Token token,
                                             Rule without = Rule::none) {
    if (store.holder != several) return nullptr;
    const auto* const end = store.table + store.leases;
    const auto* const found = std::find_if(store.table, end, [&](const Lease& each) {
        const bool counts = each.left > 0 || without == Rule::dead_share_ends;
        return each.token == token && each.kept == 0 && counts;
    });
    return found == end ? nullptr : found;
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
    // Long past: nothing brings it back, whichever rule is taken away.
    constexpr Ticks long_past = -3;
    for (int i = store.leases - 1; i >= 0; --i) {
        Lease& lease = store.table[i];
        lease.left = std::max(small(lease.left - time), long_past);
        const bool stays = without == Rule::dead_share_ends || without == Rule::table_is_new;
        if (lease.left <= 0 && !stays) detail::remove_item(store.table, store.leases, i);
    }
    if (store.holder != nobody) {
        store.left = small(store.left - time);
        if (store.left <= 0) detail::free_lock(store, without);
    }
    if (without == Rule::entry_ends && time > 0) return;
    for (int i = store.entries - 1; i >= 0; --i) {
        store.queue[i].left = small(store.queue[i].left - time);
        if (store.queue[i].left <= 0) detail::remove_entry(store, i);
    }
}

// The store's clock steps; negative: back. What is left of anything changes with it.
inline void step_clock(Store& store, int ticks, Rule without = Rule::none) {
    pass(store, small(ticks), without);
    store.clock_is_behind = store.clock_is_behind || (ticks < 0 && store.fence > 0);
}

}  // namespace leaselock::model

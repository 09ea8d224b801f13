// The rules of the protocol, by name. The model keeps all of them but the one that is taken away:
// so each can be asked what it is for.
#pragma once

#include <cstdint>

namespace leaselock::model {

enum class Rule : std::uint8_t {
    none,
    // 1. Once a release with a token was written, the token is in no acquire any more.
    fresh_token,
    // 2. No command shortens a lock's life, and none but acquire makes a lock.
    life_only_grows,
    renewal_makes_no_lock,
    // 3. An acquire that arrives after its not-after does nothing.
    not_after,
    // 4. A token owes a release until one was answered after the last not-after of its acquires.
    clean_up,
    clean_up_outlasts_acquires,
    // 5. A fence is above the one before it, whatever the clock says. A retry gets one that is
    //    minted for it: the counter that it names may be another than that of its grant.
    fence_from_counter,
    retry_mints,
    // 6. A hand-off message is believed if its fence is above what the newest answered poll told,
    //    and then for the short grant, from the sending of that poll. The poll tells the counter or
    //    the time, whichever is more: others may mint from a counter of their own. And nobody is
    //    notified of a grant that is not made: whom PUBLISH does not count may hear it all the
    //    same.
    message_needs_new_fence,
    message_counts_from_poll,
    poll_tells_time,
    only_grants_are_told,
    // 7. A "not yours" stands behind a write, so that a demoted replica cannot say it.
    no_is_proven,
    // A release of two keys is for a token that never queued, and has no acquire under way: it
    // tells no time. It frees only where nobody waits, and its no means to name all keys.
    two_keys_for_the_unqueued,
    two_keys_spare_who_waits,
    two_keys_no_is_no_answer,
    // While a slot moves, a release that names the lock alone proves nothing by its "not yours". No
    // such command makes a lock: it would see no queue. And none goes to the node to which the slot
    // moves before the other one has said that the key is there.
    short_no_settles_nothing,
    one_key_makes_no_lock,
    target_after_ask_alone,
    // 8. What a holder believes is counted from before the send.
    belief_counts_from_send,
    // min_hold: the value under the key is no token any more, every release asks for the rest, and
    // who is handed the lock acquires it once more, since the grant of a hand-off is short.
    kept_is_no_token,
    clean_up_keeps,
    winner_asks_for_all,
    // The queue: nobody passes an entry that lives. It ends by time, also where the clock went
    // back, and by a release.
    nobody_passes,
    entry_ends,
    entry_knows_its_life,
    release_ends_entry,
    // In one process: the next in the line follows; a release of our own is never in the way.
    line_moves_on,
    release_goes_first,
    own_release_is_repeated,
    // Shares. Of a lease: it ends by itself, alone, and the lock lasts as long as the longest one;
    // a retry takes no second one; a release gives back what is its own; a newcomer waits after
    // those that wait; a lock that becomes one of shares begins with an empty table; of those who
    // are handed theirs at once each has a fence of its own.
    dead_share_ends,
    lock_outlasts_leases,
    retry_takes_nothing,
    release_frees_its_own,
    readers_wait_their_turn,
    table_is_new,
    fence_for_each,
    // Who holds the whole and becomes a reader is one from before the sending; a "not yours" to a
    // renewal of before proves nothing then.
    reader_from_the_send,
    no_of_before_is_none,
    // Latches. A token counts once, and never for a later life of the latch; each life begins with
    // nobody counted; when it opens all who wait are notified, and not the first alone; it is not
    // reset while somebody waits; whoever wants a lock of its key is refused. A count that may have
    // run is never said to be none, and a wait of which a poll may still run owes a release, though
    // it ended well.
    counts_once,
    counts_for_one_life,
    life_begins_empty,
    all_are_notified,
    reset_spares_waiters,
    latch_refuses_locks,
    unseen_count_is_unknown,
    open_wait_owes,
    // Others at the store delete what is theirs, and nothing else.
    others_compare,
};

}  // namespace leaselock::model

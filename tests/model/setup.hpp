// A configuration: who takes part, what may go wrong, and the bounds that keep the space finite.
#pragma once

#include <cstdint>

#include "model/rules.hpp"
#include "model/store.hpp"

namespace leaselock::model {

inline constexpr int max_clients = 3;
inline constexpr int max_sessions = 2;
inline constexpr int max_tokens = max_clients * max_sessions;
inline constexpr int max_messages = 5;

static_assert(max_entries >= max_tokens);

struct Setup {
    int clients = 2;
    int sessions = 1;  // how often each of them locks
    int messages = 3;  // in flight at once
    int process_of[max_clients] = {0, 1, 2};
    bool waits[max_clients] = {true, true, true};  // false: who finds the lock held is sent away
    Claim wants[max_clients] = {whole, whole, whole};
    bool downgrades = false;  // the first client, which wants the whole, may become a reader

    Ticks ttl = 2;
    Ticks first_ttl = 0;   // of the first client; 0: as all
    Ticks short_ttl = 2;   // of a hand-off
    Ticks entry_life = 2;  // a waiter's entry in the queue
    Ticks not_after = 1;   // how long an acquire may run after its sending
    Ticks min_hold = 0;
    Ticks longer = 0;   // extend() asks for so much; 0: nobody does
    Ticks shorter = 0;  // and for so little; where rule 2 holds that never reaches the store

    bool renews = false;
    bool short_is_enough = true;  // false: with renewal off or min_hold, a hand-off's grant is not
    bool crashes = false;         // the first client's process may die at any time
    bool loses = true;            // messages may be lost
    bool delays = true;           // false: time passes only when nothing is in flight
    bool deaf = false;            // PUBLISH may reach nobody, though the process lives
    bool replica = false;         // renew and release may meet a replica that was demoted just now
    bool slot = false;            // other keys of the slot are granted, too: its counter rises
    bool other_prefix = false;    // the first client names the key by another prefix
    bool moving = false;          // the slot moves: a release may name the lock alone
    bool resets = false;          // somebody resets the latch of the last client, once, at any time
    bool foreign = false;         // somebody locks by SET NX PX and compare-and-delete
    bool same_connection =
        false;                // an acquire goes behind the releases that its process has posted
    Ticks clock_back = 0;     // the store's clock may step back so far, once
    Ticks clock_forward = 0;  // and forward, while nobody alive has or is given the lock
    std::uint32_t limit = 30'000'000;  // states; beyond them the run is bounded and not complete

    [[nodiscard]] int tokens() const { return clients * sessions; }
    [[nodiscard]] int client_of(Token token) const { return token / sessions; }
    [[nodiscard]] int process_of_token(Token token) const { return process_of[client_of(token)]; }
    [[nodiscard]] Ticks ttl_of(int client) const {
        return client == 0 && first_ttl > 0 ? first_ttl : ttl;
    }
    [[nodiscard]] Small prefix_of(Token token) const {
        return small(other_prefix && client_of(token) == 0 ? 1 : 0);
    }
    // Those that want shares may have them at the same time: each has a queue entry of its own.
    [[nodiscard]] bool stands_in_line(int client) const {
        return waits[client] && wants[client] == whole;
    }
};

}  // namespace leaselock::model

// The state of the world: the store, the clients, what they owe, and what is in flight. A block of
// bytes without holes, so that states are compared, hashed and kept as they are.
#pragma once

#include <bit>
#include <cstring>
#include <type_traits>

#include "model/setup.hpp"

namespace leaselock::model {

enum class Phase : Small {
    idle,
    lined_up,  // in the local queue: another one of its process contends at the store
    waiting,   // contends
    holding,
    dead,
};

struct Client {
    Phase phase = Phase::idle;
    Small session = 0;  // which of its locks; all of them: it has ended
    Small turn = 0;     // in the local queue
    // The newest poll that was answered by `held`: when it was sent, and the fence in that answer.
    Ticks poll_age = 0;
    Fence poll_fence = -1;  // -1: there is none
    bool asked = false;     // a poll is out whose answer would still be read
    Small polls = 0;        // that it has sent for the whole of a lock; 2: or more
    Ticks open = 0;         // its not-after
    // What it believes while it holds.
    Ticks belief = 0;
    Fence fence = -1;
};

// What a token has left behind.
struct Debt {
    bool owed = false;       // a release
    bool unseen = false;     // an acquire may have run, or may still run, whose answer nobody reads
    Ticks not_after = -1;    // the last of those acquires; below 0: past
    Ticks rest = 0;          // of min_hold
    bool is_reader = false;  // it held the whole, and its commands are those of a reader now
    bool unqueued = false;   // it was granted by the answer to its only poll
};

enum class Kind : Small {
    none,
    acquire,
    renew,
    release,  // commands
    granted,
    held,
    refused,
    renewed,
    not_yours,
    released,  // answers
    hand_off,  // the message of a release
};

struct Message {
    Kind kind = Kind::none;
    Token token = 0;
    Ticks age = 0;  // since the command was sent
    Fence fence = -1;
    Small value = 0;    // acquire: not-after; renew, renewed: ttl; release: keep; held: the holder;
                        // released: 1, if it settles what was owed, 2, if all keys are to be
                        // named; hand_off: whom it tells, one bit each, in the order of their
                        // fences
    bool live = false;  // acquire and its answers: the client still listens for them; release:
                        // written on the connection on which acquires follow; renew and its
                        // answers: that of a share
    Small behind = 0;   // acquire: runs behind the live releases with these tokens, one bit each;
                        // release: 1, if it names two keys; hand_off: who has not heard it yet.
                        // `token` is the first of them
};

// What is true of the latch, whatever the store makes of it: the properties hold the store to this.
struct Tally {
    Small ever = 0;       // whose count-down has run, one bit each
    Small now = 0;        // and ran for the first time while this latch lives
    Ticks left = 0;       // how long it lives, by what is promised
    Small said_none = 0;  // whose count-down was said not to have run
};

struct State {
    Store store{};
    Client clients[max_clients] = {};
    Debt debts[max_tokens] = {};
    enum class Other : Small { to_come, holding, gone } other = Other::to_come;
    Ticks other_belief = 0;
    Fence floor = 0;  // the highest of those who held the whole before
    bool stepped_back = false;
    bool stepped_forward = false;
    bool was_reset = false;
    Tally tally{};
    Small in_flight = 0;
    Message messages[max_messages] = {};

    friend bool operator==(const State& a, const State& b) {
        return std::memcmp(&a, &b, sizeof(State)) == 0;
    }
};

static_assert(std::is_trivially_copyable_v<State> && alignof(State) == 1 &&
              std::has_unique_object_representations_v<State>);

[[nodiscard]] inline bool is_command(Kind kind) {
    return kind == Kind::acquire || kind == Kind::renew || kind == Kind::release;
}

// The fence of one of those whom a hand-off tells: the first has the message's.
[[nodiscard]] inline Fence fence_of(const Message& hand_off, Token token) {
    const auto before = static_cast<unsigned>(hand_off.value) & ((1U << token) - 1U);
    return small(hand_off.fence + std::popcount(before));
}

// What a token's commands ask for.
[[nodiscard]] inline Claim claim_of(const Setup& setup, const State& state, Token token) {
    return state.debts[token].is_reader ? reader : setup.wants[setup.client_of(token)];
}

// The token of a client's present session.
[[nodiscard]] inline Token token_of(const Setup& setup, const State& state, int client,
                                    Rule without) {
    const int session = without == Rule::fresh_token ? 0 : state.clients[client].session;
    return small(client * setup.sessions + session);
}

[[nodiscard]] inline bool is_current(const Setup& setup, const State& state, Token token,
                                     Rule without) {
    const int client = setup.client_of(token);
    return state.clients[client].session < setup.sessions &&
           token_of(setup, state, client, without) == token;
}

// Drops what can have no effect any more and gives what is alike one form; `rank_fences` also
// replaces fences by their order, since no rule asks for more.
void simplify(const Setup& setup, State& state, Rule without);
void rank_fences(State& state);

}  // namespace leaselock::model

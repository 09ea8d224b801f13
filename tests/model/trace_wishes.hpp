// What each token of a trace wants of its key.
//
// Thread-safety: one thread at a time.
#pragma once

#include <iterator>

#include "model/store.hpp"

namespace leaselock::model {

inline constexpr int tokens = 4;

// Each kind of answer that a trace has to meet.
// clang-format off
inline constexpr const char* what_is_to_be_seen[] = {
    "stale", "granted", "again", "held", "first", "turn", "kept", "renewed", "not renewed",
    "released", "lost", "released by two keys", "not released by two keys", "released by one key",
    "not released by one key", "handed over", "free", "there", "conflict", "turn of a share",
    "share granted", "share renewed", "not share renewed", "downgraded", "share released",
    "share lost", "handed over to several", "several messages", "counted", "latch open",
    "latch closed", "latch in conflict", "lock in conflict", "reset", "no reset", "reset refused",
};
// clang-format on

struct TraceWishes {
    bool shares = false;
    bool latches = false;
    Claim claim_of[tokens] = {};
    Claim less[tokens] = {};  // what they ask for when they renew and release

    // 0: everybody wants the whole; 1: most want shares; 2: most a latch. `below(n)` draws one of
    // n.
    template <class Below>
    void choose(int kind, const Below& below) {
        shares = kind == 1;
        latches = kind == 2;
        latches ? choose_latches(below) : choose_shares(below);
    }

  private:
    // Most of those on one key want shares of one kind.
    template <class Below>
    void choose_shares(const Below& below) {
        const bool readers = below(2) == 0;
        for (Token token = 0; token < tokens; ++token) {
            const unsigned what = below(16);
            const Claim kind = readers ? reader : permits(what < 11 ? 1 : 2, 2);
            claim_of[token] = !shares || what < 1 || token == 0 ? whole
                              : what == 15                      ? permits(1, 3)
                                                                : kind;
            // What is asked for by a token that has the whole and gives it up.
            less[token] = claim_of[token] != whole ? claim_of[token] : shares ? kind : whole;
        }
    }
    // Of one latch, but for now and then one that takes it for a lock, or for another latch.
    template <class Below>
    void choose_latches(const Below& below) {
        const Claim others[] = {whole, reader, permits(1, 2), counts(3), awaits(1)};
        for (Token token = 0; token < tokens; ++token) {
            claim_of[token] = token % 2 == 0 ? counts(2) : awaits(2);
            if (below(5) == 0) claim_of[token] = others[below(std::size(others))];
            less[token] = claim_of[token];
        }
    }
};

}  // namespace leaselock::model

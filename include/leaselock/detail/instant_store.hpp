// What a store in the memory of this process does without an Operation, where that is all there is
// to it: a lock that is free, and for which nobody waits, is granted; one that is held, and for
// which nobody waits, is freed. It is there for speed alone: each call does the whole of what the
// Operation would do, or nothing. Not for users.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include <leaselock/clock.hpp>

namespace leaselock::detail {

struct LockEntry;

class InstantStore {
  public:
    // Where a grant was put down, so that its release need not look for it. It is known to be out
    // of date where it is.
    struct Where {
        LockEntry* entry = nullptr;  // null: it was granted by an Operation
        std::uint32_t shard = 0;
        std::uint32_t sweeps = 0;
    };
    // An owner token before it is text.
    struct Token {
        std::string_view owner;
        std::uint64_t owner_number;  // no other owner of this process has it; not 0
        const char* bits;            // token_bits_bytes of them
    };
    // An acquire of all of a lock, without min_hold.
    struct Wanted {
        std::string_view key;
        Token token;
        Clock::time_point now;
        std::chrono::milliseconds ttl;
    };

    InstantStore(const InstantStore&) = delete;
    InstantStore& operator=(const InstantStore&) = delete;

    // The fencing token of the grant, and `where`. 0: nothing was done; an Operation tells more.
    [[nodiscard]] virtual std::uint64_t grant(const Wanted& wanted, Where& where) noexcept = 0;
    // The lock is still that of the grant with that fencing token at `now`, and it is free now.
    // False: nothing was done.
    [[nodiscard]] virtual bool free(const Where& where, std::uint64_t fencing_token,
                                    Clock::time_point now) noexcept = 0;

  protected:
    InstantStore() = default;
    ~InstantStore() = default;
};

}  // namespace leaselock::detail

// What a store promises beyond what every backend must guarantee (backend.hpp), and what a call
// demands of its store (LockOptions::require): one type for both, whose default is the least, so
// that a default promise promises nothing, and a default demand demands nothing.
//
//     auto lock = locks.acquire("invoice:7", {.require = {.fences = Fences::clock, .fair = true}});
//
// Each field is ordered: what is later in its enum, `true`, and a shorter `least_ttl` promise more.
//
// Thread-safety: plain values.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>

#include <leaselock/detail/export.hpp>

namespace leaselock {

inline constexpr std::chrono::milliseconds min_ttl{10};
inline constexpr std::chrono::milliseconds max_ttl = std::chrono::hours{24};

// Whether two may hold one lock when the server that granted it fails, and comes back without its
// data or is replaced by another one.
enum class Exclusion : std::uint8_t {
    until_failover,  // what was granted before may be granted again
    if_replicated,   // not what all replicas that may take its place had acknowledged
    always,          // never
};

// How long the fencing tokens of a key rise.
enum class Fences : std::uint8_t {
    counter,  // as long as the store keeps its data
    clock,    // and after a loss of all of it, if the store's clock did not go back meanwhile
    log,      // and whatever its clock does: they are places in a log that a majority keeps
};

struct Guarantees {
    Exclusion exclusion = Exclusion::until_failover;
    Fences fences = Fences::counter;
    // A release notifies the waiter to which it hands the lock over, or wakes one; else waiters
    // poll. A message may be lost all the same.
    bool notified = false;
    // Waiters get the lock in the order in which they came, over all processes.
    bool fair = false;
    // The lock of a process that ended is free soon, and not only when its ttl is over.
    bool process_end = false;
    bool shares = false;    // readers, and permits (Share)
    bool latches = false;   // CountDownLatch
    bool min_hold = false;  // LockOptions::min_hold
    bool list = false;      // LockManager::list
    // The shortest lease that is as short as was asked: a shorter one may run for so long.
    std::chrono::milliseconds least_ttl = max_ttl;

    friend constexpr bool operator==(const Guarantees&, const Guarantees&) noexcept = default;
};

// Whether all that is demanded is promised.
[[nodiscard]] constexpr bool covers(const Guarantees& promised,
                                    const Guarantees& demanded) noexcept {
    return promised.exclusion >= demanded.exclusion && promised.fences >= demanded.fences &&
           promised.notified >= demanded.notified && promised.fair >= demanded.fair &&
           promised.process_end >= demanded.process_end && promised.shares >= demanded.shares &&
           promised.latches >= demanded.latches && promised.min_hold >= demanded.min_hold &&
           promised.list >= demanded.list && promised.least_ttl <= demanded.least_ttl;
}

// All fields in words, "exclusion = until_failover, fences = clock, notified = yes, ...". May throw
// bad_alloc.
[[nodiscard]] LEASELOCK_EXPORT std::string to_string(const Guarantees& guarantees);

namespace detail {

// The first demand that is not met, in words; empty if there is none.
[[nodiscard]] std::string unmet(const Guarantees& promised, const Guarantees& demanded);

}  // namespace detail

}  // namespace leaselock

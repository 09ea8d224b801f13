// How much of a lock a call takes: all of it, a reader's share of it, or some of the permits into
// which it is divided. One key has one kind of shares at a time: the first who takes one says how
// many there are, and whoever says another number meanwhile is refused with Errc::conflicting_use.
// Whoever wants all of a lock waits until no share of it is taken.
//
// Thread-safety: plain values.
#pragma once

#include <limits>

namespace leaselock {

struct Share {
    // How many of the shares. 1 to `of`, and 1 where `of` is 0 or `unlimited`.
    int count = 1;
    // How many there are: 1 to 10'000, or `unlimited`; 0: the lock has none, and is taken as a
    // whole.
    int of = 0;

    friend constexpr bool operator==(Share, Share) noexcept = default;
};

inline constexpr int unlimited = std::numeric_limits<int>::max();
inline constexpr int max_permits = 10'000;

namespace detail {

// Of a latch that so many must count down: to do so, and to wait until all have. What is got by
// that is no lock: it is not held, renewed or released. Far from all numbers that somebody writes.
inline constexpr int latch_of_none = std::numeric_limits<int>::min();
[[nodiscard]] constexpr Share counting(int all) noexcept { return {1, latch_of_none + all}; }
[[nodiscard]] constexpr Share awaiting(int all) noexcept { return {0, latch_of_none + all}; }
// How many must count it down; 0 if it is no latch.
[[nodiscard]] constexpr int latch_of(Share share) noexcept {
    return share.of <= latch_of_none + max_permits ? share.of - latch_of_none : 0;
}
[[nodiscard]] constexpr bool is_latch(Share share) noexcept { return latch_of(share) != 0; }
[[nodiscard]] constexpr bool is_counting(Share share) noexcept {
    return is_latch(share) && share.count != 0;
}

}  // namespace detail

// All of it: one holder.
inline constexpr Share exclusive{};
// A reader's: any number of holders at once.
inline constexpr Share shared{.count = 1, .of = unlimited};

}  // namespace leaselock

// What is asked of a key: all of a lock, a reader's share of it, or some of the permits into which
// it is divided; or of a latch, to count it down or to wait until it is open. A Claim is each of
// them, and is what backends are asked for; a Share is one that gives a lock, and is what
// LockOptions take.
//
// One key has one use at a time: the first claim to some of it says which, and a claim to
// another one meanwhile, another number of permits say, is refused with Errc::conflicting_use.
// A claim to all of a lock waits until no share of it is taken.
//
// Thread-safety: plain values.
#pragma once

#include <cstdint>

#include <leaselock/detail/requirements.hpp>  // IWYU pragma: keep

namespace leaselock {

inline constexpr int max_permits = 10'000;  // of a lock, and the greatest count of a latch

class Claim {
  public:
    enum class Kind : std::uint8_t {
        exclusive,   // all of the lock: one holder
        reader,      // a share beside any number of other readers
        permits,     // count() of the of() permits that the lock has
        count_down,  // counts a latch of of() down, once for a token
        await,       // is granted when all of() have counted; it counts nothing
    };

    constexpr Claim() noexcept = default;  // exclusive
    // Numbers are taken as they are: see is_valid().
    [[nodiscard]] static constexpr Claim reader() noexcept { return {Kind::reader, 1, 0}; }
    [[nodiscard]] static constexpr Claim permits(int count, int of) noexcept {
        return {Kind::permits, count, of};
    }
    [[nodiscard]] static constexpr Claim count_down(int of) noexcept {
        return {Kind::count_down, 1, of};
    }
    [[nodiscard]] static constexpr Claim await(int of) noexcept { return {Kind::await, 0, of}; }

    [[nodiscard]] constexpr Kind kind() const noexcept { return kind_; }
    // How many it takes or counts: 1 for a reader and for a count down, 0 for all of the lock
    // and for one that waits.
    [[nodiscard]] constexpr int count() const noexcept { return count_; }
    // How many permits there are, or must count the latch down; 0 where there is no such number.
    [[nodiscard]] constexpr int of() const noexcept { return of_; }

    [[nodiscard]] constexpr bool is_exclusive() const noexcept { return kind_ == Kind::exclusive; }
    [[nodiscard]] constexpr bool is_share() const noexcept {
        return kind_ == Kind::reader || kind_ == Kind::permits;
    }
    [[nodiscard]] constexpr bool is_latch() const noexcept {
        return kind_ == Kind::count_down || kind_ == Kind::await;
    }
    // Whether both make the same use of a key, so that they may have it at the same time.
    [[nodiscard]] constexpr bool has_use_of(Claim other) const noexcept {
        return of_ == other.of_ && (kind_ == other.kind_ || (is_latch() && other.is_latch()));
    }
    // Whether there is such a one: 1 to `max_permits` of them, and no more asked for than there
    // are. A manager asks a backend for no other.
    [[nodiscard]] constexpr bool is_valid() const noexcept {
        if (kind_ == Kind::exclusive || kind_ == Kind::reader) return true;
        const bool is_some = of_ >= 1 && of_ <= max_permits;
        return is_some && (is_latch() || (count_ >= 1 && count_ <= of_));
    }

    friend constexpr bool operator==(Claim, Claim) noexcept = default;

  private:
    constexpr Claim(Kind kind, int count, int of) noexcept : kind_{kind}, count_{count}, of_{of} {}

    Kind kind_ = Kind::exclusive;
    int count_ = 0;
    int of_ = 0;
};

// How much of a lock a call takes: `exclusive`, `shared`, or {2, 10}, two of its ten permits.
class Share {
  public:
    constexpr Share() noexcept = default;  // exclusive
    // 1 to `of` of 1 to `max_permits`: else the call that takes it says Errc::invalid_option.
    constexpr Share(int count, int of) noexcept : claim_{Claim::permits(count, of)} {}
    [[nodiscard]] static constexpr Share reader() noexcept {
        Share share;
        share.claim_ = Claim::reader();
        return share;
    }

    // NOLINTNEXTLINE(google-explicit-constructor): a share is a claim
    constexpr operator Claim() const noexcept { return claim_; }

    friend constexpr bool operator==(Share, Share) noexcept = default;

  private:
    Claim claim_{};
};

// All of it: one holder.
inline constexpr Share exclusive{};
// A reader's: any number of holders at once.
inline constexpr Share shared = Share::reader();

}  // namespace leaselock

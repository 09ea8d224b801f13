// Who has shares of one key, or has counted a latch down. Not for users.
//
// By token, and by the end of the lease: so a lease that has ended is found without a look at the
// others, however many there are.
//
// Thread-safety: one thread at a time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <leaselock/claim.hpp>
#include <leaselock/clock.hpp>

namespace leaselock::detail {

// What a store that sees processes end knows of a holder.
struct Tie {
    std::uint64_t member = 0;                                 // the process; 0: not known
    Clock::time_point keep_until = Clock::time_point::min();  // though the process ends
};

// Of a holder that is known already.
inline void renew(Tie& tie, const Tie& newer) noexcept {
    if (newer.member != 0) tie.member = newer.member;
    tie.keep_until = std::max(tie.keep_until, newer.keep_until);
}

class ShareHolders {
  public:
    // Of a key that is used as this claim uses it.
    explicit ShareHolders(Claim use) noexcept : use_{use} {}

    [[nodiscard]] Claim use() const noexcept { return use_; }
    // How many are taken, or have counted.
    [[nodiscard]] int used() const noexcept { return used_; }
    [[nodiscard]] std::size_t size() const noexcept { return holders_.size(); }
    [[nodiscard]] bool fits(Claim claim) const noexcept {
        if (!claim.has_use_of(use_)) return false;
        switch (claim.kind()) {
            case Claim::Kind::permits: return claim.count() <= claim.of() - used_;
            case Claim::Kind::await: return used_ >= claim.of();
            default: return true;
        }
    }
    [[nodiscard]] bool has(std::string_view token) const noexcept {
        return holders_.find(token) != holders_.end();
    }

    // Who has none has `count` from now on; who has some keeps them until `end`, if that is later.
    // May throw bad_alloc; then nothing has changed.
    void put(std::string_view token, int count, Clock::time_point end, const Tie& tie = {}) {
        const auto found = holders_.find(token);
        if (found == holders_.end()) {
            const auto added = holders_.emplace(token, Holder{count, {}, tie}).first;
            try {
                added->second.by_end = by_end_.emplace(end, added);
            } catch (...) {
                holders_.erase(added);
                throw;
            }
            used_ += count;
        } else {
            if (found->second.by_end->first < end) move(found, end);
            renew(found->second.tie, tie);
        }
    }
    // Who has some loses them at `end`, if that is sooner.
    void shorten(std::string_view token, Clock::time_point end) noexcept {
        const auto found = holders_.find(token);
        if (found != holders_.end() && found->second.by_end->first > end) move(found, end);
    }
    void remove(std::string_view token) noexcept {
        const auto found = holders_.find(token);
        if (found == holders_.end()) return;
        by_end_.erase(found->second.by_end);
        drop(found);
    }
    // What ended by then is gone.
    void expire(Clock::time_point now) noexcept {
        while (!by_end_.empty() && by_end_.begin()->first <= now) {
            const auto holder = by_end_.begin()->second;
            by_end_.erase(by_end_.begin());
            drop(holder);
        }
    }
    // Calls visit(token, count, end, tie) for each.
    template <class Visit>
    void for_each(const Visit& visit) const {
        for (const auto& [token, holder] : holders_) {
            visit(token, holder.count, holder.by_end->first, holder.tie);
        }
    }
    // The ends of the first lease and of the last; min() if there is none.
    [[nodiscard]] Clock::time_point soonest() const noexcept {
        return by_end_.empty() ? Clock::time_point::min() : by_end_.begin()->first;
    }
    [[nodiscard]] Clock::time_point latest() const noexcept {
        return by_end_.empty() ? Clock::time_point::min() : by_end_.rbegin()->first;
    }

  private:
    struct Holder;
    using Holders = std::map<std::string, Holder, std::less<>>;
    using ByEnd = std::multimap<Clock::time_point, Holders::iterator>;
    struct Holder {
        int count;
        ByEnd::iterator by_end;
        Tie tie;
    };

    void move(Holders::iterator holder, Clock::time_point end) noexcept {
        auto node = by_end_.extract(holder->second.by_end);
        node.key() = end;
        holder->second.by_end = by_end_.insert(std::move(node));
    }
    void drop(Holders::iterator holder) noexcept {
        used_ -= holder->second.count;
        holders_.erase(holder);
    }

    Claim use_;
    int used_ = 0;
    Holders holders_;
    ByEnd by_end_;
};

}  // namespace leaselock::detail

// What each request does to a key, as a pure function of the key's state, for the backends whose
// states are in the library's own hands. Not for users.
//
// Time is that of the request. A lease that ends by itself tells nobody: the next request finds it.
//
// Thread-safety: one thread at a time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include <leaselock/backend.hpp>
#include <leaselock/claim.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/claim_mark.hpp>
#include <leaselock/detail/entry_queue.hpp>
#include <leaselock/detail/lock_entry.hpp>
#include <leaselock/detail/share_holders.hpp>
#include <leaselock/detail/word.hpp>
#include <leaselock/error.hpp>

namespace leaselock::detail {

// Where fencing tokens come from: each is above `last`, and above all that were given before a time
// that is as good as forgotten.
struct Fences {
    std::uint64_t last = 0;
    std::uint64_t at_least = 0;

    std::uint64_t next() noexcept { return last = std::max(last + 1, at_least); }
};

// What differs from store to store.
struct Terms {
    std::uint64_t member = 0;  // the process that asks, see Tie
    // Of a lock that is handed over: its new holder prolongs it, if it is still there.
    std::chrono::milliseconds longest_hand_off = std::chrono::milliseconds::max();
    // In the place of the winner's Listener. Never throws.
    std::function<void(const EntryQueue::Entry&, const HandOff&)> handed_over{};
};

// One request at one key.
class LockVerbs {
  public:
    LockVerbs(LockEntry& entry, const Request& request, Reply& reply, Fences& fences,
              Terms terms = {}) noexcept
        : entry_{entry},
          request_{request},
          reply_{reply},
          fences_{fences},
          terms_{std::move(terms)} {}

    // May throw bad_alloc: then nothing was granted or freed. Those to whom the key is handed over
    // are added to `winners`, and their threads go on as these are destroyed.
    void run(EntryQueue::Winners& winners) {
        winners_ = &winners;
        entry_.spell();
        entry_.expire_shares(now());
        switch (request_.verb) {
            case Verb::acquire: acquire(); break;
            case Verb::renew: renew(); break;
            case Verb::release: release(); break;
            case Verb::inspect: inspect(); break;
        }
    }

  private:
    [[nodiscard]] Clock::time_point now() const noexcept { return request_.submitted; }
    [[nodiscard]] bool live() const noexcept { return entry_.expires > now(); }
    [[nodiscard]] Tie tie() const noexcept {
        return {terms_.member, kept_until(request_.min_hold)};
    }
    [[nodiscard]] Clock::time_point kept_until(std::chrono::milliseconds min_hold) const noexcept {
        return min_hold.count() > 0 ? saturating_add(now(), min_hold) : Clock::time_point::min();
    }
    [[nodiscard]] bool mine() const noexcept { return live() && entry_.is_mine(request_); }

    void refuse() {
        reply_.outcome = Outcome::failed;
        reply_.error = Errc::conflicting_use;
        reply_.detail = "it is of another number or kind now, or waited for";
    }
    void hold_off() {
        entry_.tell(request_, reply_);
        if (request_.listener != nullptr) entry_.join(request_, terms_.member, reply_);
    }

    void acquire() {
        if (request_.deadline < now()) {
            reply_.error = Errc::stale;
        } else if (live() && entry_.in_conflict(request_.claim)) {
            refuse();
        } else if (request_.claim.is_latch()) {
            latch();
        } else if (mine()) {
            again();
        } else if ((live() && !entry_.has_room(request_.claim)) || !entry_.may_take(request_)) {
            hold_off();
        } else {
            grant();
        }
    }

    void again() {
        entry_.prolong(request_, tie());
        if (entry_.shares != nullptr) entry_.fencing_token = fences_.next();
        reply_.outcome = Outcome::granted;
        reply_.fencing_token = entry_.fencing_token;
    }

    void grant() {
        entry_.hold(request_.token, request_.claim, saturating_add(now(), request_.ttl), tie());
        entry_.leave(request_.token);
        reply_.outcome = Outcome::granted;
        reply_.fencing_token = entry_.fencing_token = fences_.next();
        if (!request_.claim.is_exclusive()) hand_over();
    }

    // Counts down, or finds it open, or waits.
    void latch() {
        if (entry_.shares == nullptr) {
            auto shares = std::make_unique<ShareHolders>(request_.claim);
            entry_.token = mark_of(request_.claim);
            entry_.shares = std::move(shares);
            entry_.kept = false;
        }
        entry_.expires = std::max(entry_.expires, saturating_add(now(), request_.ttl));
        if (request_.claim.kind() == Claim::Kind::count_down) {
            entry_.shares->put(request_.token, 1, Clock::time_point::max());
        } else if (!entry_.has_room(request_.claim)) {
            return hold_off();
        }
        entry_.leave(request_.token);
        reply_.outcome = Outcome::granted;
        reply_.fencing_token = entry_.fencing_token = fences_.next();
        hand_over();
    }

    void renew() {
        reply_.outcome = mine() ? Outcome::renewed : Outcome::lost;
        if (!mine()) return;
        if (entry_.shares != nullptr || request_.claim.is_exclusive())
            return entry_.prolong(request_, tie());
        // All of it becomes a share.
        const auto until = saturating_add(now(), request_.ttl);
        Tie same = entry_.tie;
        detail::renew(same, tie());
        entry_.hold(request_.token, request_.claim, std::max(until, entry_.expires), same);
        hand_over();
    }

    void release() {
        const bool named = live() && entry_.is_named_by(request_.token);
        if (live() && request_.claim.is_latch() && entry_.token == request_.token &&
            entry_.is_waited_for(now())) {
            refuse();
        } else if (mine() || named) {
            end();
            reply_.outcome = Outcome::released;
            hand_over();
        } else {
            entry_.leave(request_.token);
            reply_.outcome = Outcome::lost;
        }
    }

    // A released key keeps its entry, as one that has expired: keys come again.
    void end() {
        const auto keep_until = saturating_add(now(), request_.keep);
        const bool keeps = request_.keep.count() > 0;
        if (entry_.shares != nullptr && entry_.token != request_.token) {
            if (keeps) {
                const std::string kept = std::string(kept_mark) + std::string(request_.token);
                entry_.shares->put(kept, request_.claim.count(), keep_until);
            }
            entry_.shares->remove(request_.token);
            entry_.expire_shares(now());
        } else {
            entry_.shares.reset();
            entry_.kept = keeps;
            entry_.expires = keeps ? keep_until : Clock::time_point::min();
        }
    }

    void inspect() {
        reply_.outcome = Outcome::free;
        if (live()) entry_.tell(request_, reply_);
        if (live() && entry_.shares != nullptr) reply_.shares = entry_.shares->used();
        if (entry_.queue != nullptr) reply_.waiting = static_cast<int>(entry_.queue->size());
    }

    // What is free goes to the first waiters, as long as it is enough for the next one. Without
    // memory that one finds it at its next poll.
    void hand_over() noexcept {
        if (entry_.queue != nullptr) hand_over_to_those_who_wait();
    }
    // Not inlined, since mostly nobody waits.
    [[gnu::noinline]] void hand_over_to_those_who_wait() noexcept {
        const auto* first = entry_.queue->first(now());
        while (first != nullptr && may_have(first->claim)) {
            // It counts from the newest acquire that was answered to it, which may have read the
            // clock after the one that releases now.
            const auto ttl = std::min(first->ttl, terms_.longest_hand_off);
            const auto end = saturating_add(std::max(now(), first->seen), ttl);
            try {
                entry_.hold(first->token, first->claim, end,
                            {first->member, kept_until(first->min_hold)});
            } catch (const std::bad_alloc&) {
                return;
            }
            entry_.fencing_token = fences_.next();
            tell(entry_.queue->move_first(*winners_), {entry_.fencing_token, ttl});
            first = entry_.queue->first(now());
        }
        if (first == nullptr) entry_.queue.reset();
    }
    void tell(EntryQueue::Entry& winner, const HandOff& what) const noexcept {
        if (terms_.handed_over) {
            terms_.handed_over(winner, what);
        } else if (winner.listener != nullptr) {
            winner.wake_up = winner.listener->handed_over(what);
        }
    }
    [[nodiscard]] bool may_have(Claim claim) const noexcept {
        return entry_.has_room(claim) || (!live() && !claim.is_latch());
    }

    LockEntry& entry_;
    const Request& request_;
    Reply& reply_;
    Fences& fences_;
    const Terms terms_;
    EntryQueue::Winners* winners_ = nullptr;
};

}  // namespace leaselock::detail

// The state of one key: its holder, or holders of shares, and its waiters. Not for users.
//
// Thread-safety: one thread at a time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <leaselock/backend.hpp>
#include <leaselock/claim.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/claim_mark.hpp>
#include <leaselock/detail/entry_queue.hpp>
#include <leaselock/detail/instant_store.hpp>
#include <leaselock/detail/share_holders.hpp>
#include <leaselock/detail/token_text.hpp>

namespace leaselock::detail {

struct LockEntry {
    // The holder's, or the mark of shares, or of a latch.
    std::string token;
    // Whose token that is, if it is not text yet. 0: it is text, as all but hold_bits()
    // and spell() need it.
    std::uint64_t bits_of = 0;
    Clock::time_point expires = Clock::time_point::min();
    std::uint64_t fencing_token = 0;
    bool kept = false;
    Tie tie{};                               // of the holder of all of it
    std::unique_ptr<EntryQueue> queue{};     // null: nobody waits
    std::unique_ptr<ShareHolders> shares{};  // null: none is taken

    // Whether there is a holder at most: nobody waits, and no share is taken.
    [[nodiscard]] bool is_plain() const noexcept { return queue == nullptr && shares == nullptr; }

    // The leases of shares that have ended; the key is free when none is left. A latch ends as a
    // whole.
    void expire_shares(Clock::time_point now) noexcept {
        if (shares == nullptr) return;
        if (!shares->use().is_latch()) {
            shares->expire(now);
            expires = shares->latest();
        }
        if (expires > now) return;
        shares.reset();
        expires = Clock::time_point::min();
    }

    // The following are asked of a key that somebody has.

    // What is held as a whole is renewed, or released, as a share too, but not acquired.
    [[nodiscard]] bool is_mine(const Request& request) const noexcept {
        if (request.claim.is_latch()) return false;
        if (shares != nullptr) {
            return request.claim.has_use_of(shares->use()) && shares->has(request.token);
        }
        return !kept && token == request.token &&
               (request.claim.is_exclusive() || request.verb != Verb::acquire);
    }
    // What has been released is known by another token than the releaser's, and so are all shares.
    [[nodiscard]] bool is_named_by(std::string_view name) const noexcept {
        if (shares != nullptr) return token == name;
        return kept && name.starts_with(kept_mark) && name.substr(kept_mark.size()) == token;
    }
    // A claim to all of a lock waits for the shares that are taken; all else that differs is a
    // contradiction.
    [[nodiscard]] bool in_conflict(Claim claim) const noexcept {
        if (shares == nullptr) return claim.is_latch();
        if (claim.is_exclusive()) return shares->use().is_latch();
        return !claim.has_use_of(shares->use());
    }
    [[nodiscard]] bool has_room(Claim claim) const noexcept {
        return shares != nullptr && shares->fits(claim);
    }

    // Whether it is this token's turn to take what is free.
    [[nodiscard]] bool may_take(const Request& request) const noexcept {
        if (queue == nullptr) return true;
        const auto* const first = queue->first(request.submitted);
        return first == nullptr || first->token == request.token;
    }
    // Whether a queue entry lives.
    [[nodiscard]] bool is_waited_for(Clock::time_point now) const noexcept {
        return queue != nullptr && queue->first(now) != nullptr;
    }
    // May throw bad_alloc.
    void join(const Request& request, std::uint64_t member, Reply& reply) {
        if (queue == nullptr) queue = std::make_unique<EntryQueue>();
        queue->join(request, member);
        const auto* const first = queue->first(request.submitted);
        reply.queued = true;
        reply.first = first != nullptr && first->token == request.token;
        reply.told = true;
    }
    void leave(std::string_view who) noexcept {
        if (queue == nullptr) return;
        queue->leave(who);
        if (queue->empty()) queue.reset();
    }

    // Puts the token down as a holder until `end`. May throw bad_alloc, and changes nothing then.
    void hold(std::string_view who, Claim claim, Clock::time_point end, const Tie& its) {
        if (claim.is_exclusive()) {
            put_down(who);
            expires = end;
            tie = its;
        } else if (claim.is_latch()) {
            return;  // the latch is open
        } else if (shares != nullptr) {
            shares->put(who, claim.count(), end, its);
            expires = std::max(expires, end);
        } else {
            auto fresh = std::make_unique<ShareHolders>(claim);
            fresh->put(who, claim.count(), end, its);
            token = mark_of(claim);
            shares = std::move(fresh);
            expires = end;
        }
        kept = false;
    }
    // The same of all of it, by a token that is not text yet. Mostly one of the same owner was
    // there before, and then its bits are all that differs.
    void hold_bits(const InstantStore::Token& its, Clock::time_point end) {
        if (bits_of != its.owner_number) {
            token.assign(its.owner.size() + 1 + token_digits, '/');
            its.owner.copy(token.data(), its.owner.size());
            bits_of = its.owner_number;
        }
        std::memcpy(token.data() + token.size() - token_bits_bytes, its.bits, token_bits_bytes);
        expires = end;
        tie = {};
        kept = false;
    }
    // The token is text from now on.
    void spell() noexcept {
        if (bits_of == 0) return;
        char* const end = token.data() + token.size();
        write_digits(end - token_bits_bytes, end - token_digits);
        bits_of = 0;
    }
    // Mostly one of the same length was there before.
    void put_down(std::string_view who) {
        if (token.size() == who.size()) {
            who.copy(token.data(), who.size());
        } else {
            token = who;
        }
    }
    // A renewal or a retry never shortens a lease.
    void prolong(const Request& request, const Tie& its) {
        const auto until = saturating_add(request.submitted, request.ttl);
        if (shares != nullptr) {
            shares->put(request.token, request.claim.count(), until, its);
        } else {
            renew(tie, its);
        }
        expires = std::max(expires, until);
    }

    // The lease of that token ends at `end`, if not sooner.
    void shorten(std::string_view who, Clock::time_point end) noexcept {
        if (shares == nullptr) {
            if (token == who) expires = std::min(expires, end);
        } else {
            shares->shorten(who, end);
            expires = shares->latest();
        }
    }
    // Whether nobody has it or waits for it.
    [[nodiscard]] bool is_over(Clock::time_point now) const noexcept {
        return expires <= now && !is_waited_for(now);
    }
    // Whether the token holds, or has a share or a queue entry.
    [[nodiscard]] bool knows(std::string_view who, Clock::time_point now) const noexcept {
        if (queue != nullptr && queue->has(who)) return true;
        if (expires <= now) return false;
        return shares == nullptr ? !kept && token == who
                                 : !shares->use().is_latch() && shares->has(who);
    }

    void tell(const Request& request, Reply& reply) const {
        reply.outcome = Outcome::held;
        reply.fencing_token = fencing_token;
        if (expires <= request.submitted) return;  // somebody else's turn
        reply.holder = token;
        reply.kept = kept;
        const bool waits_for_one = shares != nullptr && request.claim.is_share();
        const auto end = waits_for_one ? shares->soonest() : expires;
        reply.remaining = std::chrono::ceil<std::chrono::milliseconds>(end - request.submitted);
    }
};

}  // namespace leaselock::detail

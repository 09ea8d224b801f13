// Locks in a map of this process: the default backend, for development, tests and programs of one
// process. Managers that share one MemoryBackend exclude each other; separate ones know nothing of
// each other. Nothing survives the process.
//
// Every call completes at once, without I/O. Expiry is checked when a key is looked at. A key that
// is free keeps its place for the next time; as a shard grows its free keys are swept out, so that
// they never outnumber the others by more than a constant, at a constant cost a call.
//
// Who waits for a key has a place in its queue, and is told by the release that hands the key over
// to him, on the releasing thread. A lease that ends by itself tells nobody: the first one's next
// look finds the key free.
//
// Thread-safety: all calls from all threads at once; keys of different shards do not contend.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include <leaselock/backend.hpp>
#include <leaselock/detail/export.hpp>
#include <leaselock/detail/glob.hpp>
#include <leaselock/detail/memory_queue.hpp>
#include <leaselock/detail/memory_shares.hpp>
#include <leaselock/detail/thread_annotations.hpp>

namespace leaselock {

class LEASELOCK_EXPORT MemoryBackend final : public Backend {
  public:
    using Backend::submit;

    // Blocks for the shard's mutex only. Allocates for a key, and for a place, that was not there.
    void submit(std::span<Operation* const> operations) noexcept override {
        for (Operation* const operation : operations) {
            try {
                run(*operation);
                operation->complete();
            } catch (const std::bad_alloc&) {
                operation->fail(Errc::out_of_memory, {});  // an empty string: allocates nothing
            }
        }
    }
    bool pump(Operation& /*operation*/, Clock::time_point /*until*/) noexcept override {
        return true;
    }
    void detach(Operation& /*operation*/) noexcept override {}
    // Hand-offs are told from the first acquire on, so there is nothing to listen for.
    void forget(Listener& listener) noexcept override {
        const Key key = hashed(listener.key());
        Shard& shard = shard_of(key);
        const detail::MutexLock lock{shard.mutex};
        const auto found = shard.entries.find(key);
        if (found == shard.entries.end() || found->second.queue == nullptr) return;
        found->second.queue->forget(listener);
    }
    // Blocks for one shard's mutex after another; each is held while its keys are looked at.
    std::vector<std::string> list(std::string_view prefix, std::string_view pattern) override {
        std::vector<std::string> keys;
        for (Shard& shard : shards_) {
            const detail::MutexLock lock{shard.mutex};
            for (const auto& [key, entry] : shard.entries) {
                const std::string_view text = key.text;
                if (text.starts_with(prefix) &&
                    detail::glob_matches(pattern, text.substr(prefix.size()))) {
                    keys.push_back(key.text);
                }
            }
        }
        return keys;
    }

  private:
    struct Entry {
        std::string token;
        Clock::time_point expires = Clock::time_point::min();
        std::uint64_t fencing_token = 0;
        bool kept = false;
        std::unique_ptr<detail::MemoryQueue> queue{};    // null: nobody waits
        std::unique_ptr<detail::MemoryShares> shares{};  // null: none is taken
    };
    // A key with its hash, so that the bytes are hashed once a call.
    template <class Text>
    struct Hashed {
        Text text;
        std::size_t hash;
    };
    struct Hash {
        using is_transparent = void;
        template <class Text>
        std::size_t operator()(const Hashed<Text>& key) const noexcept {
            return key.hash;
        }
    };
    struct Equal {
        using is_transparent = void;
        template <class A, class B>
        bool operator()(const Hashed<A>& a, const Hashed<B>& b) const noexcept {
            return a.hash == b.hash && a.text == b.text;
        }
    };
    using Key = Hashed<std::string_view>;
    using Map = std::unordered_map<Hashed<std::string>, Entry, Hash, Equal>;

    // On cache lines of its own.
    struct alignas(128) Shard {
        detail::Mutex mutex;
        Map entries LEASELOCK_GUARDED_BY(mutex);
        std::uint64_t last_fence LEASELOCK_GUARDED_BY(mutex) = 0;
        std::size_t sweep_at LEASELOCK_GUARDED_BY(mutex) = 64;
    };
    static constexpr std::size_t shard_count = 64;
    static constexpr const char* conflict = "it is of another number or kind now, or waited for";

    static Key hashed(std::string_view key) noexcept {
        return {key, std::hash<std::string_view>{}(key)};
    }
    // The top bits choose the shard: the map in it uses the others.
    Shard& shard_of(const Key& key) noexcept { return shards_[(key.hash >> 48U) % shard_count]; }

    void run(Operation& operation) {
        const Request& request = operation.request;
        Reply& reply = operation.reply;
        const Key key = hashed(request.key);
        Shard& shard = shard_of(key);
        const detail::MutexLock lock{shard.mutex};
        const auto found = shard.entries.find(key);
        Entry* const entry = found == shard.entries.end() ? nullptr : &found->second;
        if (entry != nullptr) expire_shares(*entry, request.submitted);
        const bool live = entry != nullptr && entry->expires > request.submitted;
        const bool mine = live && is_mine(*entry, request);
        switch (request.verb) {
            case Verb::acquire:
                if (request.deadline < request.submitted) {
                    reply.error = Errc::stale;
                } else if (live && in_conflict(*entry, request)) {
                    reply.error = Errc::conflicting_use;
                    reply.detail = conflict;
                } else if (detail::is_latch(request.share)) {
                    latch(shard, key, entry, request, reply);
                } else if (!mine && ((live && !has_room(*entry, request.share)) ||
                                     !may_take(entry, request))) {
                    tell(request, *entry, reply);
                    if (request.listener != nullptr) join(*entry, request, reply);
                } else {
                    reply.outcome = Outcome::granted;
                    reply.fencing_token = grant(shard, key, entry, request, mine);
                }
                break;
            case Verb::renew:
                if (mine) renew(shard, *entry, request);
                reply.outcome = mine ? Outcome::renewed : Outcome::lost;
                break;
            case Verb::release:
                reply.outcome = Outcome::lost;
                if (live && entry->token == request.token && is_waited_for(*entry, request)) {
                    reply.outcome = Outcome::failed;
                    reply.error = Errc::conflicting_use;
                    reply.detail = conflict;
                } else if (mine || (live && is_named_by(*entry, request.token))) {
                    end(shard, *entry, request);
                    reply.outcome = Outcome::released;
                } else if (entry != nullptr) {
                    leave(*entry, request.token);
                }
                break;
            case Verb::inspect:
                reply.outcome = Outcome::free;
                if (live) tell(request, *entry, reply);
                if (live && entry->shares != nullptr) reply.shares = entry->shares->used();
                if (entry != nullptr && entry->queue != nullptr) {
                    reply.waiting = static_cast<int>(entry->queue->size());
                }
                break;
        }
    }

    // What is held as a whole is renewed, or released, as a share too, but not acquired.
    static bool is_mine(const Entry& entry, const Request& request) noexcept {
        if (detail::is_latch(request.share)) return false;
        if (entry.shares != nullptr) {
            return request.share.of == entry.shares->of() && entry.shares->has(request.token);
        }
        return !entry.kept && entry.token == request.token &&
               (request.share.of == 0 || request.verb != Verb::acquire);
    }

    // What has been released is known by another token than the releaser's, and so are all shares.
    static bool is_named_by(const Entry& entry, std::string_view token) noexcept {
        if (entry.shares != nullptr) return entry.token == token;
        return entry.kept && token.starts_with(kept_mark) &&
               token.substr(kept_mark.size()) == entry.token;
    }

    static bool in_conflict(const Entry& entry, const Request& request) noexcept {
        if (entry.shares == nullptr) return detail::is_latch(request.share);
        return request.share.of != 0 && entry.shares->of() != request.share.of;
    }
    // A latch, by somebody whose place lives.
    static bool is_waited_for(const Entry& entry, const Request& request) noexcept {
        return detail::is_latch(request.share) && entry.queue != nullptr &&
               entry.queue->first(request.submitted) != nullptr;
    }
    static bool has_room(const Entry& entry, Share share) noexcept {
        return entry.shares != nullptr && entry.shares->fits(share);
    }

    // Whether it is this token's turn to take what is free.
    static bool may_take(Entry* entry, const Request& request) noexcept {
        if (entry == nullptr || entry->queue == nullptr) return true;
        const auto* const first = entry->queue->first(request.submitted);
        return first == nullptr || first->token == request.token;
    }

    static void join(Entry& entry, const Request& request, Reply& reply) {
        if (entry.queue == nullptr) entry.queue = std::make_unique<detail::MemoryQueue>();
        entry.queue->join(request);
        const auto* const first = entry.queue->first(request.submitted);
        reply.queued = true;
        reply.first = first != nullptr && first->token == request.token;
        reply.told = true;
    }

    static void leave(Entry& entry, std::string_view token) noexcept {
        if (entry.queue == nullptr) return;
        entry.queue->leave(token);
        if (entry.queue->empty()) entry.queue.reset();
    }

    // The leases of shares that have ended; the key is free when none is left. A latch ends as a
    // whole.
    static void expire_shares(Entry& entry, Clock::time_point now) noexcept {
        if (entry.shares == nullptr) return;
        if (entry.shares->of() > 0) {
            entry.shares->expire(now);
            entry.expires = entry.shares->latest();
        }
        if (entry.expires <= now) entry.shares.reset();
    }

    // A renewal or a retry never shortens a lease.
    static void prolong(Entry& entry, const Request& request) {
        const auto until = detail::saturating_add(request.submitted, request.ttl);
        if (entry.shares != nullptr) entry.shares->put(request.token, request.share.count, until);
        entry.expires = std::max(entry.expires, until);
    }

    static void renew(Shard& shard, Entry& entry, const Request& request)
        LEASELOCK_REQUIRES(shard.mutex) {
        if (entry.shares != nullptr || request.share.of == 0) {
            prolong(entry, request);
            return;
        }
        // All of it becomes a share.
        const auto until = detail::saturating_add(request.submitted, request.ttl);
        hold(entry, request.token, request.share, std::max(until, entry.expires));
        if (entry.queue != nullptr) hand_over(shard, entry, request.submitted);
    }

    // A released key keeps its entry, as one that has expired: keys come again.
    static void end(Shard& shard, Entry& entry, const Request& request)
        LEASELOCK_REQUIRES(shard.mutex) {
        const Clock::time_point now = request.submitted;
        const auto keep_until = detail::saturating_add(now, request.keep);
        const bool keeps = request.keep.count() > 0;
        if (entry.shares != nullptr && entry.token != request.token) {
            if (keeps) {
                const std::string kept = std::string(kept_mark) + std::string(request.token);
                entry.shares->put(kept, request.share.count, keep_until);
            }
            (void)entry.shares->remove(request.token);
            expire_shares(entry, now);
        } else {
            entry.shares.reset();
            entry.kept = keeps;
            entry.expires = keeps ? keep_until : Clock::time_point::min();
        }
        if (entry.queue != nullptr) hand_over(shard, entry, now);
    }

    // What is free goes to those who wait first, as long as it is enough for the next one. Without
    // memory he finds it at his next look.
    static void hand_over(Shard& shard, Entry& entry, Clock::time_point now) noexcept
        LEASELOCK_REQUIRES(shard.mutex) {
        const auto* first = entry.queue->first(now);
        const auto may_have = [&](Share share) {
            return has_room(entry, share) || (entry.expires <= now && !detail::is_latch(share));
        };
        while (first != nullptr && may_have(first->share)) {
            // He counts from the newest acquire that was answered to him, which may have looked at
            // the clock behind the one who releases now.
            const auto end = detail::saturating_add(std::max(now, first->seen), first->ttl);
            try {
                hold(entry, first->token, first->share, end);
            } catch (const std::bad_alloc&) {
                return;
            }
            entry.fencing_token = next_fence(shard, now);
            const auto winner = entry.queue->take_first();
            if (winner.listener != nullptr) {
                winner.listener->handed_over({entry.fencing_token, winner.ttl});
            }
            first = entry.queue->first(now);
        }
        if (first == nullptr) entry.queue.reset();
    }

    static void tell(const Request& request, const Entry& entry, Reply& reply) {
        reply.outcome = Outcome::held;
        reply.fencing_token = entry.fencing_token;
        if (entry.expires <= request.submitted) return;  // somebody else's turn
        reply.holder = entry.token;
        reply.kept = entry.kept;
        const bool waits_for_one = entry.shares != nullptr && request.share.of > 0;
        const auto end = waits_for_one ? entry.shares->soonest() : entry.expires;
        reply.remaining = std::chrono::ceil<std::chrono::milliseconds>(end - request.submitted);
    }

    // Puts the token down as a holder until `end`; may throw bad_alloc, and changes nothing then.
    static void hold(Entry& entry, std::string_view token, Share share, Clock::time_point end) {
        if (share.of == 0) {
            entry.token = token;
            entry.expires = end;
        } else if (share.count == 0) {
            return;  // the latch is open
        } else if (entry.shares != nullptr) {
            entry.shares->put(token, share.count, end);
            entry.expires = std::max(entry.expires, end);
        } else {
            auto shares = std::make_unique<detail::MemoryShares>(share.of);
            shares->put(token, share.count, end);
            entry.token =
                std::string(shared_mark) + std::to_string(share.of == unlimited ? 0 : share.of);
            entry.shares = std::move(shares);
            entry.expires = end;
        }
        entry.kept = false;
    }

    // Counts down, or finds it open, or waits.
    static void latch(Shard& shard, const Key& key, Entry* entry, const Request& request,
                      Reply& reply) LEASELOCK_REQUIRES(shard.mutex) {
        const Clock::time_point now = request.submitted;
        if (entry == nullptr) entry = &add(shard, key, now);
        if (entry->shares == nullptr) {
            auto shares = std::make_unique<detail::MemoryShares>(request.share.of);
            entry->token =
                std::string(latch_mark) + std::to_string(detail::latch_of(request.share));
            entry->shares = std::move(shares);
            entry->kept = false;
        }
        entry->expires = std::max(entry->expires, detail::saturating_add(now, request.ttl));
        if (request.share.count > 0) {
            entry->shares->put(request.token, 1, Clock::time_point::max());
        } else if (!has_room(*entry, request.share)) {
            tell(request, *entry, reply);
            if (request.listener != nullptr) join(*entry, request, reply);
            return;
        }
        leave(*entry, request.token);
        reply.outcome = Outcome::granted;
        reply.fencing_token = entry->fencing_token = next_fence(shard, now);
        if (entry->queue != nullptr) hand_over(shard, *entry, now);
    }

    static std::uint64_t grant(Shard& shard, const Key& key, Entry* entry, const Request& request,
                               bool mine) LEASELOCK_REQUIRES(shard.mutex) {
        const Clock::time_point now = request.submitted;
        if (mine) {
            prolong(*entry, request);
            if (entry->shares != nullptr) entry->fencing_token = next_fence(shard, now);
            return entry->fencing_token;
        }
        if (entry == nullptr) entry = &add(shard, key, now);
        hold(*entry, request.token, request.share, detail::saturating_add(now, request.ttl));
        leave(*entry, request.token);
        entry->fencing_token = next_fence(shard, now);
        const std::uint64_t fence = entry->fencing_token;  // a hand-over mints others
        if (request.share.of != 0 && entry->queue != nullptr) hand_over(shard, *entry, now);
        return fence;
    }

    // The fence rises over all keys of the shard, so that nothing of a key need be kept for ever.
    static std::uint64_t next_fence(Shard& shard, Clock::time_point now) noexcept
        LEASELOCK_REQUIRES(shard.mutex) {
        const auto us =
            std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch());
        return shard.last_fence =
                   std::max(shard.last_fence + 1, static_cast<std::uint64_t>(us.count()));
    }

    static Entry& add(Shard& shard, const Key& key, Clock::time_point now)
        LEASELOCK_REQUIRES(shard.mutex) {
        if (shard.entries.size() >= shard.sweep_at) sweep(shard, now);
        return shard.entries.try_emplace({std::string(key.text), key.hash}).first->second;
    }

    static void sweep(Shard& shard, Clock::time_point now) LEASELOCK_REQUIRES(shard.mutex) {
        std::erase_if(shard.entries, [now](const auto& item) {
            const Entry& entry = item.second;
            return entry.expires <= now &&
                   (entry.queue == nullptr || entry.queue->first(now) == nullptr);
        });
        shard.sweep_at = std::max<std::size_t>(64, 2 * shard.entries.size());
    }

    std::array<Shard, shard_count> shards_;
};

}  // namespace leaselock

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
#include <leaselock/detail/memory_entry.hpp>
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
    using Entry = detail::MemoryEntry;
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
        if (entry != nullptr) entry->expire_shares(request.submitted);
        const bool live = entry != nullptr && entry->expires > request.submitted;
        const bool mine = live && entry->is_mine(request);
        switch (request.verb) {
            case Verb::acquire:
                if (request.deadline < request.submitted) {
                    reply.error = Errc::stale;
                } else if (live && entry->in_conflict(request.share)) {
                    reply.error = Errc::conflicting_use;
                    reply.detail = conflict;
                } else if (detail::is_latch(request.share)) {
                    latch(shard, key, entry, request, reply);
                } else if (!mine && ((live && !entry->has_room(request.share)) ||
                                     (entry != nullptr && !entry->may_take(request)))) {
                    entry->tell(request, reply);
                    if (request.listener != nullptr) entry->join(request, reply);
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
                if (live && detail::is_latch(request.share) && entry->token == request.token &&
                    entry->is_waited_for(request.submitted)) {
                    reply.outcome = Outcome::failed;
                    reply.error = Errc::conflicting_use;
                    reply.detail = conflict;
                } else if (mine || (live && entry->is_named_by(request.token))) {
                    end(shard, *entry, request);
                    reply.outcome = Outcome::released;
                } else if (entry != nullptr) {
                    entry->leave(request.token);
                }
                break;
            case Verb::inspect:
                reply.outcome = Outcome::free;
                if (live) entry->tell(request, reply);
                if (live && entry->shares != nullptr) reply.shares = entry->shares->used();
                if (entry != nullptr && entry->queue != nullptr) {
                    reply.waiting = static_cast<int>(entry->queue->size());
                }
                break;
        }
    }

    static void renew(Shard& shard, Entry& entry, const Request& request)
        LEASELOCK_REQUIRES(shard.mutex) {
        if (entry.shares != nullptr || request.share.of == 0) {
            entry.prolong(request);
            return;
        }
        // All of it becomes a share.
        const auto until = detail::saturating_add(request.submitted, request.ttl);
        entry.hold(request.token, request.share, std::max(until, entry.expires));
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
            entry.expire_shares(now);
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
            return entry.has_room(share) || (entry.expires <= now && !detail::is_latch(share));
        };
        while (first != nullptr && may_have(first->share)) {
            // He counts from the newest acquire that was answered to him, which may have looked at
            // the clock behind the one who releases now.
            const auto end = detail::saturating_add(std::max(now, first->seen), first->ttl);
            try {
                entry.hold(first->token, first->share, end);
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
        } else if (!entry->has_room(request.share)) {
            entry->tell(request, reply);
            if (request.listener != nullptr) entry->join(request, reply);
            return;
        }
        entry->leave(request.token);
        reply.outcome = Outcome::granted;
        reply.fencing_token = entry->fencing_token = next_fence(shard, now);
        if (entry->queue != nullptr) hand_over(shard, *entry, now);
    }

    static std::uint64_t grant(Shard& shard, const Key& key, Entry* entry, const Request& request,
                               bool mine) LEASELOCK_REQUIRES(shard.mutex) {
        const Clock::time_point now = request.submitted;
        if (mine) {
            entry->prolong(request);
            if (entry->shares != nullptr) entry->fencing_token = next_fence(shard, now);
            return entry->fencing_token;
        }
        if (entry == nullptr) entry = &add(shard, key, now);
        entry->hold(request.token, request.share, detail::saturating_add(now, request.ttl));
        entry->leave(request.token);
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

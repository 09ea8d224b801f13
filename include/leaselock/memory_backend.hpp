// Locks in a map of this process: the default backend, for development, tests and programs of one
// process. Managers that share one MemoryBackend exclude each other; separate ones know nothing of
// each other. Nothing survives the process.
//
// Every call completes at once, without I/O. Expiry is checked when a key is looked at. A key that
// is free keeps its place for the next time; as a shard grows its free keys are swept out, so that
// they never outnumber the others by more than a constant, at a constant cost a call.
//
// Thread-safety: all calls from all threads at once; keys of different shards do not contend.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <leaselock/backend.hpp>
#include <leaselock/detail/export.hpp>
#include <leaselock/detail/thread_annotations.hpp>

namespace leaselock {

class LEASELOCK_EXPORT MemoryBackend final : public Backend {
  public:
    using Backend::submit;

    // Blocks for the shard's mutex only. Allocates for a key that was not there.
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

  private:
    struct Entry {
        std::string token;
        Clock::time_point expires = Clock::time_point::min();
        std::uint64_t fencing_token = 0;
        bool kept = false;
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

    void run(Operation& operation) {
        const Request& request = operation.request;
        Reply& reply = operation.reply;
        // The top bits choose the shard: the map below uses the others.
        const Key key{request.key, std::hash<std::string_view>{}(request.key)};
        Shard& shard = shards_[(key.hash >> 48U) % shard_count];
        const detail::MutexLock lock{shard.mutex};
        const auto found = shard.entries.find(key);
        Entry* const entry = found == shard.entries.end() ? nullptr : &found->second;
        const bool live = entry != nullptr && entry->expires > request.submitted;
        const bool mine = live && !entry->kept && entry->token == request.token;
        switch (request.verb) {
            case Verb::acquire:
                if (request.deadline < request.submitted) {
                    reply.error = Errc::stale;
                } else if (live && !mine) {
                    tell(request, *entry, reply);
                } else {
                    if (mine) prolong(*entry, request);
                    reply.outcome = Outcome::granted;
                    reply.fencing_token =
                        mine ? entry->fencing_token : grant(shard, key, entry, request);
                }
                break;
            case Verb::renew:
                if (mine) prolong(*entry, request);
                reply.outcome = mine ? Outcome::renewed : Outcome::lost;
                break;
            case Verb::release:
                if (mine) end(*entry, request);
                reply.outcome = mine ? Outcome::released : Outcome::lost;
                break;
            case Verb::inspect:
                reply.outcome = Outcome::free;
                if (live) tell(request, *entry, reply);
                break;
        }
    }

    // A renewal or a retry never shortens a lease.
    static void prolong(Entry& entry, const Request& request) noexcept {
        entry.expires =
            std::max(entry.expires, detail::saturating_add(request.submitted, request.ttl));
    }

    // A released key keeps its place, as one that has expired: keys come again.
    static void end(Entry& entry, const Request& request) noexcept {
        entry.kept = request.keep.count() > 0;
        entry.expires = entry.kept ? detail::saturating_add(request.submitted, request.keep)
                                   : Clock::time_point::min();
    }

    static void tell(const Request& request, const Entry& entry, Reply& reply) {
        reply.outcome = Outcome::held;
        reply.fencing_token = entry.fencing_token;
        reply.holder = entry.token;
        reply.kept = entry.kept;
        reply.remaining =
            std::chrono::ceil<std::chrono::milliseconds>(entry.expires - request.submitted);
    }

    // The fence rises over all keys of the shard, so that nothing of a key need be kept for ever.
    static std::uint64_t grant(Shard& shard, const Key& key, Entry* entry, const Request& request)
        LEASELOCK_REQUIRES(shard.mutex) {
        if (entry == nullptr) entry = &place(shard, key, request.submitted);
        entry->token = request.token;
        entry->expires = detail::saturating_add(request.submitted, request.ttl);
        entry->kept = false;
        const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
            request.submitted.time_since_epoch());
        shard.last_fence = std::max(shard.last_fence + 1, static_cast<std::uint64_t>(now.count()));
        return entry->fencing_token = shard.last_fence;
    }

    static Entry& place(Shard& shard, const Key& key, Clock::time_point now)
        LEASELOCK_REQUIRES(shard.mutex) {
        if (shard.entries.size() >= shard.sweep_at) sweep(shard, now);
        return shard.entries.try_emplace({std::string(key.text), key.hash}).first->second;
    }

    static void sweep(Shard& shard, Clock::time_point now) LEASELOCK_REQUIRES(shard.mutex) {
        std::erase_if(shard.entries,
                      [now](const auto& item) { return item.second.expires <= now; });
        shard.sweep_at = std::max<std::size_t>(64, 2 * shard.entries.size());
    }

    std::array<Shard, shard_count> shards_;
};

}  // namespace leaselock

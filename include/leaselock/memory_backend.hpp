// Locks in a map of this process: the default backend, for development, tests and programs of one
// process. Managers that share one MemoryBackend exclude each other; separate ones know nothing of
// each other. Nothing survives the process.
//
// Every call completes at once, without I/O. Expiry is checked when a key is looked at; keys that
// nobody looks at any more are swept out as their shard grows, at a constant cost a call.
//
// Thread-safety: all calls from all threads at once; keys of different shards do not contend.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/detail/thread_annotations.hpp>

namespace leaselock {

class MemoryBackend final : public Backend {
  public:
    // Blocks for the shard's mutex only. Allocates for a key that was not there.
    void submit(Operation& operation) noexcept override {
        try {
            run(operation);
            operation.complete();
        } catch (const std::bad_alloc&) {
            operation.fail(Errc::out_of_memory, {});  // an empty string: allocates nothing
        }
    }
    bool pump(Operation& /*operation*/) noexcept override { return true; }
    void detach(Operation& /*operation*/) noexcept override {}

  private:
    struct Entry {
        std::string token;
        Clock::time_point expires;
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
        std::vector<Map::node_type> spare LEASELOCK_GUARDED_BY(mutex);
        std::uint64_t last_fence LEASELOCK_GUARDED_BY(mutex) = 0;
        std::size_t sweep_at LEASELOCK_GUARDED_BY(mutex) = 64;
    };
    static constexpr std::size_t shard_count = 64;
    static constexpr std::size_t max_spare = 16;

    void run(Operation& operation) {
        const Request& request = operation.request;
        // The top bits choose the shard: the map below uses the others.
        const Key key{request.key, std::hash<std::string_view>{}(request.key)};
        Shard& shard = shards_[(key.hash >> 48U) % shard_count];
        const detail::MutexLock lock{shard.mutex};
        auto found = shard.entries.find(key);
        if (found != shard.entries.end() && found->second.expires <= request.submitted) {
            erase(shard, found);
            found = shard.entries.end();
        }
        Entry* entry = found == shard.entries.end() ? nullptr : &found->second;
        const bool mine = entry != nullptr && !entry->kept && entry->token == request.token;
        switch (request.verb) {
            case Verb::acquire: acquire(shard, key, request, entry, mine, operation.reply); break;
            case Verb::renew:
                if (mine) prolong(*entry, request);
                operation.reply.outcome = mine ? Outcome::renewed : Outcome::lost;
                break;
            case Verb::release:
                if (mine && request.keep.count() > 0) {
                    entry->kept = true;
                    entry->expires = detail::saturating_add(request.submitted, request.keep);
                } else if (mine) {
                    erase(shard, found);
                }
                operation.reply.outcome = mine ? Outcome::released : Outcome::lost;
                break;
            case Verb::inspect: tell(request, entry, operation.reply); break;
        }
    }

    static void acquire(Shard& shard, const Key& key, const Request& request, Entry* entry,
                        bool mine, Reply& reply) LEASELOCK_REQUIRES(shard.mutex) {
        if (entry != nullptr && !mine) {
            tell(request, entry, reply);
            return;
        }
        if (mine) {
            prolong(*entry, request);
        } else {
            entry = &insert(shard, key, request);
        }
        reply.outcome = Outcome::granted;
        reply.fencing_token = entry->fencing_token;
    }

    // A renewal or a retry never shortens a lease.
    static void prolong(Entry& entry, const Request& request) noexcept {
        entry.expires =
            std::max(entry.expires, detail::saturating_add(request.submitted, request.ttl));
    }

    static void tell(const Request& request, const Entry* entry, Reply& reply) {
        reply.outcome = entry == nullptr ? Outcome::free : Outcome::held;
        if (entry == nullptr) return;
        reply.fencing_token = entry->fencing_token;
        reply.holder = entry->token;
        reply.kept = entry->kept;
        reply.remaining =
            std::chrono::ceil<std::chrono::milliseconds>(entry->expires - request.submitted);
    }

    // The fence rises over all keys of the shard, so that nothing of a key need be kept.
    static Entry& insert(Shard& shard, const Key& key, const Request& request)
        LEASELOCK_REQUIRES(shard.mutex) {
        if (shard.entries.size() >= shard.sweep_at) sweep(shard, request.submitted);
        const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
            request.submitted.time_since_epoch());
        Entry& entry = place(shard, key);
        entry.token = request.token;
        entry.expires = detail::saturating_add(request.submitted, request.ttl);
        entry.fencing_token = shard.last_fence =
            std::max(shard.last_fence + 1, static_cast<std::uint64_t>(now.count()));
        entry.kept = false;
        return entry;
    }

    // A node that was used before has its memory already.
    static Entry& place(Shard& shard, const Key& key) LEASELOCK_REQUIRES(shard.mutex) {
        if (shard.spare.empty()) {
            return shard.entries.try_emplace({std::string(key.text), key.hash}).first->second;
        }
        Map::node_type node = std::move(shard.spare.back());
        shard.spare.pop_back();
        node.key().text = key.text;
        node.key().hash = key.hash;
        node.mapped().expires = {};  // should the caller fail before it has filled it in
        return shard.entries.insert(std::move(node)).position->second;
    }

    static void erase(Shard& shard, Map::iterator where) LEASELOCK_REQUIRES(shard.mutex) {
        if (shard.spare.size() < max_spare) {
            shard.spare.reserve(max_spare);
            shard.spare.push_back(shard.entries.extract(where));
        } else {
            shard.entries.erase(where);
        }
    }

    static void sweep(Shard& shard, Clock::time_point now) LEASELOCK_REQUIRES(shard.mutex) {
        std::erase_if(shard.entries,
                      [now](const auto& item) { return item.second.expires <= now; });
        shard.sweep_at = std::max<std::size_t>(64, 2 * shard.entries.size());
    }

    std::array<Shard, shard_count> shards_;
};

}  // namespace leaselock

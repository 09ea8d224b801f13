// Locks in a map of this process: the default backend, for development, tests and programs of one
// process. Managers that share one MemoryBackend exclude each other; separate ones know nothing of
// each other. Nothing survives the process, and a forked child does not share it: the child's copy
// of a backend would exclude nobody of the parent, so it is refused with Errc::forked.
//
// Every call completes at once, without I/O. Expiry is checked when a key is used. A key that
// is free keeps its place for the next time; as a shard grows its free keys are swept out, so that
// they never outnumber the others by more than a constant, at a constant cost a call.
//
// A waiter has an entry in the queue of its key, and is notified by the release that hands the key
// over to it, on the releasing thread. A lease that expires notifies nobody: the next poll of the
// first waiter finds the key free.
//
// Thread-safety: all calls from all threads at once; keys of different shards do not contend.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/claim.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/entry_queue.hpp>
#include <leaselock/detail/export.hpp>
#include <leaselock/detail/instant_store.hpp>
#include <leaselock/detail/lock_entry.hpp>
#include <leaselock/detail/lock_verbs.hpp>
#include <leaselock/detail/origin.hpp>
#include <leaselock/detail/text_hash.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/detail/word_mutex.hpp>
#include <leaselock/error.hpp>
#include <leaselock/glob.hpp>
#include <leaselock/guarantees.hpp>

namespace leaselock {

class LEASELOCK_EXPORT MemoryBackend final : public Backend, private detail::InstantStore {
  public:
    using Backend::submit;

    MemoryBackend() noexcept : Backend{static_cast<detail::InstantStore*>(this)} {}

    // No server is there to fail, and nothing to be notified of: the end of the process is that of
    // the store.
    [[nodiscard]] Guarantees guarantees() const noexcept override {
        return {.exclusion = Exclusion::always,
                .fences = Fences::counter,
                .notified = true,
                .fair = true,
                .shares = true,
                .latches = true,
                .min_hold = true,
                .list = true,
                .least_ttl = min_ttl};
    }

    // Blocks for the shard's mutex only. Allocates for a key, and for a queue entry, that was not
    // there.
    void submit(std::span<Operation* const> operations) noexcept override {
        if (is_copied()) return refuse_copied(operations);
        for (Operation* const operation : operations) {
            try {
                run(*operation);
                operation->complete();
            } catch (const std::bad_alloc&) {
                operation->fail(Errc::out_of_memory, {});  // an empty string: allocates nothing
            }
        }
    }
    void forget(Listener& listener) noexcept override {
        if (is_in_child()) return;
        const Key key = hashed(listener.key());
        Shard& shard = shard_of(key);
        const detail::WordMutexLock lock{shard.mutex};
        const auto found = shard.entries.find(key);
        if (found == shard.entries.end() || found->second.queue == nullptr) return;
        found->second.queue->forget(listener);
    }
    // Blocks for one shard's mutex after another; each is held while its keys are looked at.
    std::vector<std::string> list(std::string_view prefix, std::string_view pattern) override {
        throw_if_copied();
        std::vector<std::string> keys;
        for (Shard& shard : *shards_) {
            const detail::WordMutexLock lock{shard.mutex};
            for (const auto& [key, entry] : shard.entries) {
                if (is_listed(key.text, prefix, pattern)) keys.push_back(key.text);
            }
        }
        return keys;
    }

  private:
    using Entry = detail::LockEntry;
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
            return a.hash == b.hash && detail::is_same_text(a.text, b.text);
        }
    };
    using Key = Hashed<std::string_view>;
    using Map = std::unordered_map<Hashed<std::string>, Entry, Hash, Equal>;

    // On cache lines of its own.
    struct alignas(128) Shard {
        detail::WordMutex mutex;
        Map entries LEASELOCK_GUARDED_BY(mutex);
        std::uint64_t last_fence LEASELOCK_GUARDED_BY(mutex) = 0;
        std::size_t sweep_at LEASELOCK_GUARDED_BY(mutex) = 64;
        std::uint32_t sweeps LEASELOCK_GUARDED_BY(mutex) = 0;
    };
    static constexpr std::size_t shard_count = 64;

    // Its address is another one in each process.
    Key hashed(std::string_view key) const noexcept {
        return {key, detail::text_hash(key, reinterpret_cast<std::uintptr_t>(this))};
    }
    // The top bits choose the shard: the map in it uses the others.
    static std::size_t index_of(const Key& key) noexcept { return (key.hash >> 48U) % shard_count; }
    Shard& shard_of(const Key& key) noexcept { return (*shards_)[index_of(key)]; }

    // Of a manager, which uses no copy of a backend. Flat: calls would cost as much as the parts.
    [[gnu::flatten]] std::uint64_t grant(const Wanted& wanted, Where& where) noexcept override {
        const Key key = hashed(wanted.key);
        Shard& shard = shard_of(key);
        const detail::WordMutexLock lock{shard.mutex};
        try {
            const auto found = shard.entries.find(key);
            Entry& entry =
                found != shard.entries.end() ? found->second : add(shard, key, wanted.now);
            if (!entry.is_plain() || entry.expires > wanted.now) return 0;
            entry.hold_bits(wanted.token, detail::saturating_add(wanted.now, wanted.ttl));
            where = {&entry, static_cast<std::uint32_t>(index_of(key)), shard.sweeps};
            detail::Fences fences = fences_of(shard, wanted.now);
            shard.last_fence = entry.fencing_token = fences.next();
            return entry.fencing_token;
        } catch (const std::bad_alloc&) {
            return 0;
        }
    }
    // Each grant has a fencing token of its own, so the key is that grant's as long as it has that.
    bool free(const Where& where, std::uint64_t fencing_token,
              Clock::time_point now) noexcept override {
        Shard& shard = (*shards_)[where.shard];
        const detail::WordMutexLock lock{shard.mutex};
        if (shard.sweeps != where.sweeps) return false;  // the entry may be gone
        Entry& entry = *where.entry;
        if (!entry.is_plain() || entry.kept || entry.expires <= now) return false;
        if (entry.fencing_token != fencing_token) return false;
        entry.expires = Clock::time_point::min();
        return true;
    }

    void run(Operation& operation) {
        const Request& request = operation.request;
        const Key key = hashed(request.key);
        Shard& shard = shard_of(key);
        detail::EntryQueue::Winners winners;  // go on when the mutex is unlocked
        const detail::WordMutexLock lock{shard.mutex};
        const auto found = shard.entries.find(key);
        if (found != shard.entries.end()) {
            answer(shard, found->second, operation, winners);
        } else if (request.verb == Verb::acquire) {
            answer(shard, add(shard, key, request.submitted), operation, winners);
        } else {
            operation.reply.outcome = request.verb == Verb::inspect ? Outcome::free : Outcome::lost;
        }
    }

    // The fence rises over all keys of the shard, so that nothing of a key need be kept for ever.
    static void answer(Shard& shard, Entry& entry, Operation& operation,
                       detail::EntryQueue::Winners& winners) LEASELOCK_REQUIRES(shard.mutex) {
        detail::Fences fences = fences_of(shard, operation.request.submitted);
        detail::LockVerbs{entry, operation.request, operation.reply, fences}.run(winners);
        shard.last_fence = fences.last;
    }

    static detail::Fences fences_of(const Shard& shard, Clock::time_point now)
        LEASELOCK_REQUIRES(shard.mutex) {
        const auto us =
            std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
        return {shard.last_fence, static_cast<std::uint64_t>(us)};
    }

    [[gnu::noinline]] static Entry& add(Shard& shard, const Key& key, Clock::time_point now)
        LEASELOCK_REQUIRES(shard.mutex) {
        if (shard.entries.size() >= shard.sweep_at) sweep(shard, now);
        return shard.entries.try_emplace({std::string(key.text), key.hash}).first->second;
    }

    static void sweep(Shard& shard, Clock::time_point now) LEASELOCK_REQUIRES(shard.mutex) {
        ++shard.sweeps;
        std::erase_if(shard.entries, [now](const auto& item) { return item.second.is_over(now); });
        shard.sweep_at = std::max<std::size_t>(64, 2 * shard.entries.size());
    }

    detail::AtHome<std::array<Shard, shard_count>> shards_{};
};

}  // namespace leaselock

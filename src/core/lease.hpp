// A lock of this process from before its first byte is written until nobody owes it anything: what
// it is, and what may be believed of it. A record: it does no I/O, and what is done with it (see
// release, extend, loss, conclusion) is done by others. One allocation, made before the first byte,
// so that a release can be owed without memory and a guard may outlive all it came from.
//
// Owners: the guard; the LeaseTask while a renewal is under way, and while a release is owed. The
// last one destroys it.
//
// Thread-safety: held(), remaining(), token() and what never changes are for all threads; `hold`
// belongs to the HoldTable's shard, `duty` to the Cleanup; `watch` is set by the guard's thread,
// under the Notifier's mutex, by which others read it; the rest to the guard's thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/instant_store.hpp>
#include <leaselock/detail/lease_ptr.hpp>
#include <leaselock/detail/origin.hpp>
#include <leaselock/detail/token_text.hpp>
#include <leaselock/error.hpp>
#include <leaselock/lock_options.hpp>

#include "core/answers.hpp"
#include "core/hold_machine.hpp"
#include "core/lifeline.hpp"

namespace leaselock::detail {

class Runtime;
struct TemplateCounts;
struct LossWatch;

// The Notifier forgets it, and it is gone.
struct LossWatchDrop {
    void operator()(LossWatch* watch) const noexcept;
};

// releasing: its holder has released it, and believed in it until then.
enum class HoldState : std::uint8_t { fresh, held, lost, releasing, over };

class Lease {
  public:
    // Of which its texts are made; they are checked.
    struct Texts {
        std::string_view prefix;
        std::string_view key;
        std::string_view key_template;
    };
    // Of the calling thread, whose own_number() is `own`. It is counted in `life` already, and
    // leaves that with its last owner, or by bad_alloc.
    [[nodiscard]] static LeasePtr make(Lifeline::Part& life, std::size_t own, Backend& backend,
                                       const Texts& texts, Claim claim);
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    // The key as the user wrote it, and as the backend knows it.
    [[nodiscard]] std::string_view key() const noexcept {
        return {text() + prefix_bytes_, static_cast<std::size_t>(key_bytes_ - prefix_bytes_)};
    }
    [[nodiscard]] std::string_view full_key() const noexcept { return {text(), key_bytes_}; }
    // Of the full key.
    [[nodiscard]] std::size_t prefix_bytes() const noexcept { return prefix_bytes_; }
    // Text from the first call on. Empty in a child, if the parent has asked for none.
    [[nodiscard]] std::string_view token() const noexcept {
        if (!has_token_text_.load(std::memory_order_acquire) && !spell()) return {};
        return {text() + key_bytes_, token_bytes()};
    }
    // The token's first part.
    [[nodiscard]] std::string_view owner() const noexcept { return life_->owner(); }
    [[nodiscard]] std::string_view key_template() const noexcept {
        return {text() + key_bytes_ + token_bytes(), template_bytes_};
    }
    [[nodiscard]] std::uint64_t fencing_token() const noexcept { return fencing_token_; }
    [[nodiscard]] Clock::time_point granted_at() const noexcept { return granted_at_; }
    [[nodiscard]] Backend& backend() const noexcept { return *backend_; }
    [[nodiscard]] Claim claim() const noexcept {
        return is_reader_.load(std::memory_order_relaxed) ? Claim::reader() : claim_;
    }
    // What it keeps alive, for those that do something with it.
    [[nodiscard]] Runtime& runtime() const noexcept { return life_->runtime(); }
    // Of the process that made it, and so of its runtime.
    [[nodiscard]] const Origin& origin() const noexcept { return life_->origin(); }
    // Random bits for jitter.
    [[nodiscard]] std::uint32_t seed() const noexcept;

    // Until when it may be believed. By the clock alone: nobody need run for it to end. Once it has
    // been seen ended, it is ended for good.
    [[nodiscard]] std::chrono::milliseconds remaining() const noexcept;
    [[nodiscard]] bool held() const noexcept;
    [[nodiscard]] Clock::time_point deadline() const noexcept {
        return Clock::time_point{Clock::duration{deadline_.load(std::memory_order_acquire)}};
    }
    // Moves the deadline. False: it is over already, and stays so.
    bool move_deadline(Clock::time_point from, Clock::time_point to) noexcept;
    void end() noexcept { deadline_.store(over, std::memory_order_release); }
    // It ends by a loss, at `now`, if nobody has seen its deadline pass before. `reason`: lost, or
    // session_expired.
    void lose(Clock::time_point now, Errc reason) noexcept;
    // Of a lease that is held no more: why, and since when.
    [[nodiscard]] LockLost loss() const;

    // An acquire by a store in memory, of an exclusive claim without min_hold: its fencing token.
    // 0: nothing was done.
    [[nodiscard]] std::uint64_t grant_at_once(Clock::time_point now,
                                              std::chrono::milliseconds ttl) noexcept;
    // The release of such a one, the same way. False: nothing was done.
    [[nodiscard]] bool free_at_once(Clock::time_point now) noexcept;

    // It is held from now on; `ttl` is what renewals ask for.
    void granted(const Grant& grant, std::chrono::milliseconds ttl,
                 const LockOptions& options) noexcept;
    // From now on it is renewed and released as a reader's share.
    void become_reader() noexcept { is_reader_.store(true, std::memory_order_relaxed); }
    // Its holder has released it: an end that is no loss.
    void released() noexcept { is_released_ = true; }
    [[nodiscard]] bool is_released() const noexcept { return is_released_; }
    // Of a function under DISTRIBUTED_LOCK: observers are notified if it ends after a loss.
    void annotate() noexcept { is_annotated_ = true; }
    [[nodiscard]] bool is_annotated() const noexcept { return is_annotated_; }
    // An acquire with this token may have run unseen, or may still run until the store's clock
    // shows `not_after`. Until a release is answered after that, the token owes one.
    void owe(std::int64_t not_after) noexcept { owed_until_ = std::max(owed_until_, not_after); }
    [[nodiscard]] std::int64_t owed_until() const noexcept { return owed_until_; }

    // The release that it owes, as of now.
    [[nodiscard]] Request release_request(Clock::time_point now) const noexcept;
    // Whether `reply` to a release ends what is owed.
    [[nodiscard]] bool settled_by(const Reply& reply) const noexcept;

    void add_owner() noexcept { owners_.fetch_add(1, std::memory_order_relaxed); }
    void drop_owner() noexcept {
        if (owners_.load(std::memory_order_acquire) == 1 ||
            owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            destroy();
        }
    }

    // Its memory is going to be used soon: so many leases later, where many are gone through.
    static constexpr std::size_t ahead = 8;
    void prefetch() const noexcept {
        constexpr std::size_t line = 64;
        for (std::size_t at = 0; at < sizeof *this + line; at += line) {
            __builtin_prefetch(reinterpret_cast<const char*>(this) + at, 1);
        }
    }

    struct Hold {
        HoldState state = HoldState::fresh;
        bool is_pending = false;  // the Cleanup's: its release is among the pending ones
        static constexpr unsigned no_slot = 15;
        std::uint8_t shard : 4 = 0;
        std::uint8_t slot : 4 = no_slot;   // the OwnHolds': where in that shard it is, or was
        bool waits = false;                // a renewal is due, and not sent yet; the LeaseTask's
        std::uint32_t index = 0;           // in the shard's heap
        TemplateCounts* counts = nullptr;  // of its key template; lives as long as the runtime
        // Under way; the LeaseTask's.
        Operation* renewal = nullptr;
        Operation* repeated_renewal = nullptr;  // the first one's answer was late
        HoldMachine machine{};
    } hold;
    // Of its renewals at most two are under way, and one waits. The LeaseTask's.
    [[nodiscard]] bool may_wait_for_renewal() const noexcept {
        return !hold.waits && (hold.renewal == nullptr || hold.repeated_renewal == nullptr);
    }
    // A release for which nobody blocks; completed() is called by the backend.
    // NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): never deleted as a Completion
    struct Posted final : Answers::Item, Completion {
        enum class Stage : std::uint8_t { submitted, listed, answered };

        Posted(Lease& its, Answers& whose, const Request& request, Stage first) noexcept
            : lease{its}, answers{whose}, stage{first}, operation{request} {
            operation.completion = this;
        }
        // The answer is dealt with by the thread that takes it out of `answers`, or by the caller
        // of post(), if it is there before that returns.
        void completed(Operation& /*operation*/) noexcept override {
            Answers& to = answers;
            if (stage.exchange(Stage::answered) == Stage::listed) to.add(*this);
        }

        Lease& lease;
        Answers& answers;
        std::atomic<Stage> stage;
        Operation operation;
    };
    struct PostedDrop {
        void operator()(Posted* posted) const noexcept;
    };
    // What it takes to owe a release, which is why it needs no memory. What sends it is made then.
    struct Duty {
        struct Links {
            Lease* next;
            Lease* previous;
        };
        union {
            InstantStore::Where granted{};  // before the release: what was granted at once
            Links links;                    // in the Cleanup
        };
        Clock::time_point next_try{};
        std::unique_ptr<Posted, PostedDrop> posted{};  // under way, or answered and not dealt with
        int attempts = 0;
        Errc error{};  // of the last attempt
    } duty;
    std::unique_ptr<LossWatch, LossWatchDrop> watch;

  private:
    static constexpr Clock::rep over = 0;

    Lease(Lifeline::Part& life, Backend& backend, const Texts& texts, Claim claim) noexcept;
    ~Lease() = default;
    // Of the last owner.
    void destroy() noexcept;

    // Key, token and template lie one after the other, right after the object.
    [[nodiscard]] const char* text() const noexcept {
        return reinterpret_cast<const char*>(this + 1);
    }
    [[nodiscard]] std::size_t token_bytes() const noexcept {
        return life_->owner().size() + 1 + token_digits;
    }
    // Of the token, until it is text.
    [[nodiscard]] const char* token_bits() const noexcept {
        return text() + key_bytes_ + token_bytes() - token_bits_bytes;
    }
    // Makes the token text, once, whichever threads ask for it. False: not in a child, where the
    // mutex may be locked for ever.
    [[gnu::noinline]] bool spell() const noexcept;
    [[nodiscard]] Clock::duration left() const noexcept;

    Lifeline::Part* life_;
    Backend* backend_;
    std::uint64_t fencing_token_ = 0;
    mutable std::atomic<Clock::rep> deadline_{over};
    // When it was lost: by its deadline, or, negative, before that. 0: it was not.
    mutable std::atomic<Clock::rep> lost_at_{0};
    Clock::time_point granted_at_{};
    std::int64_t owed_until_ = 0;
    Claim claim_;
    std::atomic<std::uint32_t> owners_{1};
    std::uint32_t min_hold_ms_ = 0;
    std::uint32_t template_bytes_;
    std::uint16_t prefix_bytes_;
    std::uint16_t key_bytes_;
    mutable std::atomic<bool> has_token_text_{false};
    std::atomic<bool> is_reader_{false};
    std::atomic<bool> session_expired_{false};  // it was lost by that
    bool is_released_ : 1 = false;
    bool is_annotated_ : 1 = false;
    bool unqueued_ : 1 = false;
};

}  // namespace leaselock::detail

// A lock of this process from before its first byte is written until nobody owes it anything:
// token, deadline, state, and the hooks by which the table of held leases, the clean-up and the
// Notifier keep it. One allocation, made before the first byte, so that a release allocates nothing
// and a guard may outlive all it came from.
//
// Owners: the guard; the Keeper while a renewal is under way, and while a release is owed. The last
// one destroys it.
//
// Thread-safety: held(), remaining() and what never changes are for all threads; `hold` belongs to
// the HoldTable's shard, `duty` to the Cleanup; `watch` is set by the guard's thread, under the
// Notifier's mutex, by which others read it; the rest to the guard's thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/lock_options.hpp>
#include <leaselock/scoped_distributed_lock.hpp>

#include "manager/failure.hpp"
#include "manager/hold_machine.hpp"
#include "manager/notifier.hpp"

namespace leaselock::detail {

class Core;
class Origin;
struct TemplateCounts;

enum class HoldState : std::uint8_t { fresh, held, lost, releasing };

class Lease {
  public:
    // The parts are checked by the caller.
    [[nodiscard]] static LeasePtr make(std::shared_ptr<Core> core, Backend& backend,
                                       std::string_view key, const LockOptions& options);
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    static void operator delete(void* lease) noexcept { ::operator delete(lease); }

    // The key as the user wrote it, and as the backend knows it.
    [[nodiscard]] std::string_view key() const noexcept {
        return {text() + prefix_bytes_, static_cast<std::size_t>(key_bytes_ - prefix_bytes_)};
    }
    [[nodiscard]] std::string_view full_key() const noexcept { return {text(), key_bytes_}; }
    [[nodiscard]] std::string_view token() const noexcept {
        return {text() + key_bytes_, token_bytes_};
    }
    [[nodiscard]] std::string_view key_template() const noexcept {
        return {text() + key_bytes_ + token_bytes_, template_bytes_};
    }
    [[nodiscard]] std::uint64_t fencing_token() const noexcept { return fencing_token_; }
    [[nodiscard]] Clock::time_point granted_at() const noexcept { return granted_at_; }
    [[nodiscard]] Backend& backend() const noexcept { return *backend_; }
    [[nodiscard]] Share share() const noexcept {
        return is_reader_.load(std::memory_order_relaxed) ? shared : share_;
    }
    [[nodiscard]] Core& core() const noexcept { return *core_; }
    // Of the process that made it, and so of its core.
    [[nodiscard]] const Origin& origin() const noexcept;
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

    // It is held from now on; `ttl` is what renewals ask for.
    void granted(const Grant& grant, std::chrono::milliseconds ttl,
                 const LockOptions& options) noexcept;
    // An acquire with this token may have run unseen, or may still run until the store's clock
    // shows `not_after`. Until a release is answered behind that, the token owes one.
    void owe(std::int64_t not_after) noexcept { owed_until_ = std::max(owed_until_, not_after); }
    [[nodiscard]] std::int64_t owed_until() const noexcept { return owed_until_; }

    // Fires when the lock is lost, on the Notifier's thread. May throw bad_alloc, and
    // LockError{no_thread}.
    [[nodiscard]] std::stop_token lost_signal();
    // That source, which nobody else has yet, fires with it. Throws as lost_signal().
    void pass_loss_on(const std::stop_source& to);
    // A release whose answer is waited for, by a thread or by a coroutine. The lease outlives it.
    class Release {
      public:
        explicit Release(Lease& lease) noexcept : lease_{lease} {}

        // True: operation() is to be submitted to the lease's backend. False: result() is there.
        [[nodiscard]] bool begin(Clock::time_point now) noexcept;
        [[nodiscard]] Operation& operation() noexcept { return *operation_; }
        // It was answered. False: there is another operation().
        [[nodiscard]] bool answered(Clock::time_point now) noexcept;
        [[nodiscard]] ReleaseResult result() const noexcept { return result_; }
        // Why it is `unknown`, and 0 otherwise.
        [[nodiscard]] Errc error() const noexcept { return error_; }

      private:
        void judge(const Reply& reply) noexcept;
        void finish(bool settled) noexcept;

        Lease& lease_;
        std::optional<Operation> operation_{};
        ReleaseResult result_ = ReleaseResult::not_held;
        Errc error_{};
    };
    // Blocks until the answer is there, at most twice the command time-out. Once; later calls
    // answer `not_held`. `error` says why it is `unknown`, and is 0 otherwise.
    ReleaseResult release(Errc& error) noexcept;
    // The same without waiting: the answer is read by others. The guard lets go of the lease.
    static void let_go(LeasePtr lease) noexcept;
    // Blocks for one command, or not at all. False, and why.
    bool extend(Duration ttl, Failure& failure);
    // All of the lock becomes a reader's share. Blocks for one command. False, and why.
    bool downgrade(Failure& failure);

    // The release that it owes, as of now.
    [[nodiscard]] Request release_request(Clock::time_point now) const noexcept;
    // Whether `reply` to a release ends what is owed.
    [[nodiscard]] bool settled_by(const Reply& reply) const noexcept;

    void add_owner() noexcept { owners_.fetch_add(1, std::memory_order_relaxed); }
    void drop_owner() noexcept {
        if (owners_.load(std::memory_order_acquire) == 1 ||
            owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            delete this;
        }
    }

    struct Hold {
        HoldState state = HoldState::fresh;
        std::uint8_t shard = 0;
        std::uint32_t place = 0;           // in the shard's heap
        TemplateCounts* counts = nullptr;  // of its key template; lives as long as the core
        HoldMachine machine{};
    } hold;
    struct Duty {
        Lease* next = nullptr;
        Lease* previous = nullptr;
        Backend* via = nullptr;  // where the operation was submitted
        Clock::time_point next_try{};
        int attempts = 0;
        bool counted = false;  // among the pending ones
        Errc error{};          // of the last attempt
        std::optional<Operation> operation{};
    } duty;
    std::unique_ptr<Watch> watch;

  private:
    static constexpr Clock::rep over = 0;

    Lease(std::shared_ptr<Core> core, Backend& backend, std::string_view key,
          const LockOptions& options) noexcept;
    ~Lease();
    static void* operator new(std::size_t size, std::size_t text_bytes) {
        return ::operator new(size + text_bytes);
    }
    static void operator delete(void* lease, std::size_t /*text_bytes*/) noexcept {
        ::operator delete(lease);
    }

    // Key, token and template lie one after the other, right after the object.
    [[nodiscard]] const char* text() const noexcept {
        return reinterpret_cast<const char*>(this + 1);
    }
    [[nodiscard]] bool can_watch();
    [[nodiscard]] Clock::duration left() const noexcept;
    [[nodiscard]] bool end_hold(Clock::time_point now) noexcept;
    bool renew(std::chrono::milliseconds ttl, Clock::time_point now, Failure& failure);

    std::shared_ptr<Core> core_;
    Backend* backend_;
    std::size_t template_bytes_;
    Share share_;
    std::atomic<bool> is_reader_{false};  // by downgrade()
    std::uint64_t fencing_token_ = 0;
    mutable std::atomic<Clock::rep> deadline_{over};
    Clock::time_point granted_at_{};
    Clock::time_point keep_until_{};
    std::int64_t owed_until_ = 0;
    bool released_ = false;
    std::atomic<std::uint32_t> owners_{1};
    std::uint16_t prefix_bytes_;
    std::uint16_t key_bytes_;
    std::uint16_t token_bytes_;
};

}  // namespace leaselock::detail

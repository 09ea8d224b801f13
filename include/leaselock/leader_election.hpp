// One leader among all that campaign by the same name, in threads, processes and machines.
//
//     leaselock::LeaderElection election{locks, "scheduler"};
//     while (auto lead = election.campaign(stop)) {
//         work(lead->term(), lead->ended());  // ended(): a std::stop_token
//     }
//
// Candidates lead in the order in which they came. A leader that dies is followed by the next
// candidate when its lease ends: within its ttl, and a poll of the candidate, which comes then, or
// where a poll fails within a second. One that is stopped, or cut off, finds leads() and ensure()
// say no before others can lead, even if no thread of ours runs. The term is the fencing token:
// each leader's is higher than all before, so let what it does carry it, and refuse lower ones.
//
// The election is a lock: its key is the name. Options, observers and errors are those of locks.
//
// Thread-safety: an election is for all threads at once; a Leadership for one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <leaselock/acquired.hpp>
#include <leaselock/async.hpp>
#include <leaselock/detail/export.hpp>
#include <leaselock/detail/kept_options.hpp>
#include <leaselock/detail/origin.hpp>
#include <leaselock/detail/requirements.hpp>
#include <leaselock/lock_manager.hpp>
#include <leaselock/lock_options.hpp>
#include <leaselock/scoped_distributed_lock.hpp>

namespace leaselock {

// To lead, for as long as this object lives and the lease lasts. Move-only; the destructor resigns
// without waiting.
class [[nodiscard]] LEASELOCK_EXPORT Leadership {
  public:
    // Of a lock that async_campaign() gave.
    [[nodiscard]] explicit Leadership(ScopedDistributedLock lock) noexcept
        : lock_{std::move(lock)} {}
    Leadership(const Leadership&) = delete;
    Leadership& operator=(const Leadership&) = delete;
    Leadership(Leadership&&) noexcept = default;
    Leadership& operator=(Leadership&& other) noexcept;
    ~Leadership();

    // By the clock, as ScopedDistributedLock::owns_lock(). Does not block.
    [[nodiscard]] bool leads() const noexcept { return lock_.owns_lock(); }
    explicit operator bool() const& noexcept { return leads(); }
    explicit operator bool() const&& = delete;  // it would resign at once: write auto lead = ...
    // Throws LockLost if it does not lead. Ask before what only a leader may do. Does not block.
    void ensure() const { lock_.ensure(); }
    void ensure(std::error_code& ec) const noexcept { lock_.ensure(ec); }
    [[nodiscard]] std::chrono::milliseconds remaining() const noexcept { return lock_.remaining(); }

    // The fencing token. Stays what it was when the leadership is over.
    [[nodiscard]] std::uint64_t term() const noexcept { return lock_.fencing_token(); }

    // Fires once when the leadership ends: when it is lost, as ScopedDistributedLock::lost(), on
    // the manager's thread; or by resign(), an assignment or the destructor, on their thread,
    // before others can lead. A callback may destroy this object, but for one that its destructor
    // calls. The first call may throw bad_alloc, and LockError{no_thread}.
    [[nodiscard]] std::stop_token ended();

    // Lets the next candidate lead. A release: see ScopedDistributedLock::release().
    ReleaseResult resign() noexcept;
    ReleaseResult resign(std::error_code& ec) noexcept;

  private:
    void end() noexcept;

    ScopedDistributedLock lock_;
    std::stop_source ended_{std::nostopstate};
    detail::Origin origin_{};
};

// The leader.
struct Leader {
    std::string owner;  // of its manager; empty if other software has the key
    std::uint64_t term = 0;
    std::chrono::milliseconds remaining{0};  // of its lease, at the backend
};

class LEASELOCK_EXPORT LeaderElection {
  public:
    // A campaign waits for ever, unless `options` say how long. The manager must outlive this
    // object. Does no I/O; wrong input shows at the first call, but for a share, since all of a
    // lock is what a leader has: throws LockError{invalid_option}.
    LeaderElection(LockManager& manager, std::string_view name, const LockOptions& options = {});
    LeaderElection(const LeaderElection&) = delete;
    LeaderElection& operator=(const LeaderElection&) = delete;
    ~LeaderElection() = default;

    // Blocks until this candidate leads, the wait is over, or `stop` is requested: then nothing.
    // While the backend is away it goes on trying. Throws LockError, blocks and costs as
    // LockManager::acquire does.
    [[nodiscard]] Acquired<Leadership> campaign(const std::stop_token& stop = {});
    // Throws nothing but bad_alloc: `ec` also says why the result is empty.
    [[nodiscard]] Acquired<Leadership> campaign(const std::stop_token& stop, std::error_code& ec);

    // The same without a thread that blocks, see <leaselock/async.hpp>. What is awaited gives a
    // lock, for a Leadership, or nothing.
    [[nodiscard]] AcquireAwaitable async_campaign(std::stop_token stop = {}) {
        return manager_.async_acquire(name_, options_.waiting(), std::move(stop));
    }
    [[nodiscard]] AcquireAwaitable async_campaign(std::stop_token stop, std::error_code& ec) {
        return manager_.async_acquire(name_, options_.waiting(), std::move(stop), ec);
    }
    // Ends in callback(Acquired<Leadership>, std::error_code).
    template <class Callback>
    requires std::is_invocable_v<Callback&, Acquired<Leadership>, std::error_code>
    void async_campaign(std::stop_token stop, Callback callback) {
        manager_.async_acquire(
            name_, options_.waiting(), std::move(stop),
            [callback = std::move(callback)](Acquired<ScopedDistributedLock> lock,
                                             std::error_code why) mutable {
                callback(lead_with(std::move(lock)), why);
            });
    }

    // The leader now, or none. Informational, as LockManager::inspect, which it is.
    [[nodiscard]] std::optional<Leader> leader();
    [[nodiscard]] std::optional<Leader> leader(std::error_code& ec);

  private:
    [[nodiscard]] static Acquired<Leadership> lead_with(Acquired<ScopedDistributedLock> lock) {
        if (!lock) return lock.why();
        return Leadership{std::move(*lock)};
    }

    LockManager& manager_;
    const std::string name_;
    const detail::KeptOptions options_;
};

}  // namespace leaselock

// The façade: owns named backends and acquires locks from them. "memory" is there from the start
// and is the default.
//
//     leaselock::LockManager locks;
//     if (auto lock = locks.acquire("task:42", {.ttl = 5s, .wait_timeout = 2s})) { ... }
//
// Backends are registered first; the registry is fixed at the first use.
//
// Thread-safety: all calls from all threads at once. Moving a manager is for one thread; a manager
// that was moved from may only be assigned to or destroyed.
#pragma once

#include <chrono>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

#include <leaselock/acquired.hpp>
#include <leaselock/detail/export.hpp>
#include <leaselock/detail/lease_ptr.hpp>
#include <leaselock/detail/refused.hpp>
#include <leaselock/detail/requirements.hpp>
#include <leaselock/error.hpp>  // IWYU pragma: keep
#include <leaselock/finding.hpp>
#include <leaselock/guarantees.hpp>
#include <leaselock/lock_options.hpp>
#include <leaselock/observer.hpp>
#include <leaselock/scoped_distributed_lock.hpp>

namespace leaselock {

namespace detail {
class Core;
struct ManagerAccess;
}  // namespace detail

class AcquireAwaitable;
class Backend;  // its contract: <leaselock/backend.hpp>
class GuardAwaitable;

class LEASELOCK_EXPORT LockManager {
  public:
    // Throws LockError{invalid_option}. Does no I/O.
    LockManager();
    explicit LockManager(ManagerOptions options);
    LockManager(const LockManager&) = delete;
    LockManager& operator=(const LockManager&) = delete;
    LockManager(LockManager&&) noexcept;
    LockManager& operator=(LockManager&&) noexcept;
    // Guards that are left hold nothing any more: their lost() fires, and they still release.
    // Coroutines and callbacks that wait go on with Errc::cancelled. Blocks until they have, until
    // the releases that are owed are delivered, and for callbacks that are under way: at most for
    // `shutdown_timeout` in all. Guards that are destroyed right after share what is left of that
    // time. A backend that nobody else has is destroyed too, and may wait as its own header says.
    ~LockManager();

    // Throws LockError: invalid_option if the name is empty or taken or the backend is null,
    // registry_frozen after the first use, forked in a child for a manager of its parent. A backend
    // of the parent is refused when it is used.
    void register_backend(std::string name, std::shared_ptr<Backend> backend);
    void register_backend(std::string name, std::shared_ptr<Backend> backend, std::error_code& ec);
    // Throws LockError: unknown_backend, registry_frozen.
    void set_default_backend(std::string_view name);
    void set_default_backend(std::string_view name, std::error_code& ec);

    // An acquired lock, or nothing if it is contended: held by another and, if the options wait,
    // held until the wait was over or was ended by `stop`. Throws LockError for all else.
    //
    // The first call starts the manager's thread.
    //
    // Blocks: without waiting for one command, at most the backend's command time-out; if the
    // connection breaks meanwhile for a second one. With waiting until its deadline; should the
    // server be silent then, the last command has 250 ms. If the outcome is unknown, the release
    // that the lock may need is sent and seen to by the manager's thread. `stop` ends it within
    // 50 ms, with or without waiting, also while a command is not answered or a connection is being
    // made.
    // Cost: one round trip if the lock is free, one for each poll of a held one.
    Acquired<ScopedDistributedLock> acquire(std::string_view key, const LockOptions& options = {},
                                            const std::stop_token& stop = {});
    // Throw nothing but bad_alloc: `ec` also says why the result is empty.
    Acquired<ScopedDistributedLock> acquire(std::string_view key, const LockOptions& options,
                                            const std::stop_token& stop, std::error_code& ec);
    Acquired<ScopedDistributedLock> acquire(std::string_view key, const LockOptions& options,
                                            std::error_code& ec);

    template <class Rep, class Period>
    LEASELOCK_REFUSED("options have names: {.ttl = 5s}, or {.wait_timeout = 5s}")
    void acquire(std::string_view, std::chrono::duration<Rep, Period>);
    template <class Rep, class Period>
    LEASELOCK_REFUSED("options have names: {.ttl = 5s}")
    void try_acquire(std::string_view, std::chrono::duration<Rep, Period>);

    // acquire without waiting, whatever the options say.
    Acquired<ScopedDistributedLock> try_acquire(std::string_view key, LockOptions options = {});
    Acquired<ScopedDistributedLock> try_acquire(std::string_view key, LockOptions options,
                                                std::error_code& ec);

    // acquire without a thread that blocks: see <leaselock/async.hpp>, which has to be included.
    // The key and the texts of the options are copied. Do not block, but for reading the clock and
    // for memory.
    AcquireAwaitable async_acquire(std::string_view key, const LockOptions& options = {},
                                   std::stop_token stop = {});
    AcquireAwaitable async_acquire(std::string_view key, const LockOptions& options,
                                   std::stop_token stop, std::error_code& ec);
    // The same, whose co_await gives the guard, or throws what the constructor of a guard throws.
    GuardAwaitable async_guard(std::string_view key, const LockOptions& options = {},
                               std::stop_token stop = {});
    // Ends in callback(Acquired<ScopedDistributedLock>, std::error_code), which is called once
    // and must not throw: on the manager's thread for coroutines, or before this returns if the
    // call is refused. May throw bad_alloc; then it is not called. Where memory ran out later the
    // code is Errc::out_of_memory, and nothing is held.
    template <class Callback>
    requires std::is_invocable_v<Callback&, Acquired<ScopedDistributedLock>, std::error_code>
    void async_acquire(std::string_view key, const LockOptions& options, std::stop_token stop,
                       Callback callback);

    // The same as lock.release().
    ReleaseResult release(ScopedDistributedLock& lock) noexcept { return lock.release(); }
    ReleaseResult release(ScopedDistributedLock& lock, std::error_code& ec) noexcept {
        return lock.release(ec);
    }

    // Who holds the key, for how long. One round trip, at most the command time-out. The
    // answer may be out of date when it arrives: it is informational, and never decides a lock.
    // Throws LockError.
    [[nodiscard]] LockInfo inspect(std::string_view key, std::string_view backend = {});
    [[nodiscard]] LockInfo inspect(std::string_view key, std::string_view backend,
                                   std::error_code& ec);

    // For operators: frees a key, whichever owner holds it, also one that is kept for its min_hold,
    // and hands it over to the next waiter, as any release does. The result is who held it; not
    // `held`: nobody did, or the holder released it meanwhile, and nothing was done. A holder that
    // came meanwhile is not affected. The old holder believes in its lock until its next renewal,
    // or the end of its lease if it does not renew, and is not alone until then: only fencing
    // tokens help, for that of the next grant is higher. Observers are notified. Blocks for two
    // commands, each at most the command time-out; two round trips. Throws LockError;
    // Family::unknown means that it may have been done, and that it may be tried again.
    LockInfo force_release(std::string_view key, std::string_view backend = {});
    LockInfo force_release(std::string_view key, std::string_view backend, std::error_code& ec);

    // For operators: the locks that are held, or kept, and whose keys match the glob `pattern`, by
    // key. The pattern is for the key without the prefix: `*` any bytes, `?` one byte, `[a-z]` and
    // `[^a-z]` one of them, or none of them, `\` the next byte as it is; 1 to 1024 bytes. The
    // answer may be out of date when it arrives, and a lock that came or went meanwhile be missing.
    // Cost: a walk through the whole store, by pieces that block nobody for long, and an inspect
    // of each key that matches. On Redis a round trip for each 1000 keys of the database, whosever
    // they are, over a connection of its own (SCAN, never KEYS), and one for each 64 that match.
    // Blocks for that, each round trip at most the command time-out, the walk on Redis for 61 of
    // them in all, the inspects for a minute in all. Throws LockError: command_timed_out when that
    // is over, invalid_option on Redis for more than a million keys, not_supported by a backend
    // that has no list, access_denied on Redis for a user without +scan.
    [[nodiscard]] std::vector<ListedLock> list(std::string_view pattern = "*",
                                               std::string_view backend = {});
    [[nodiscard]] std::vector<ListedLock> list(std::string_view pattern, std::string_view backend,
                                               std::error_code& ec);

    // What the backend promises, for LockOptions::require. Does not block, and does no I/O; it is a
    // use, which freezes the registry. Throws LockError: unknown_backend, forked.
    [[nodiscard]] Guarantees guarantees(std::string_view backend = {});
    [[nodiscard]] Guarantees guarantees(std::string_view backend, std::error_code& ec);

    // For the start of a program: what is wrong with the backend, each with what to do. Empty: all
    // is well. It acquires, inspects, waits for, renews and releases a lock of its own, and a share
    // of it if shares are promised, "leaselock-check:" and 32 digits behind the prefix, so a right
    // that is missing shows here and not at the first release; and the backend looks at how its
    // store is set up. What it leaves behind is what an acquire leaves (on Redis one counter).
    // Blocks for 15 command time-outs at most. Cost on Redis: 17 round trips, with a sample of up
    // to 512 counters, or 48 with all of them, and connections of its own. Throws LockError if the
    // backend cannot be asked: that is no finding.
    [[nodiscard]] std::vector<Finding> check(std::string_view backend = {},
                                             CheckDepth depth = CheckDepth::sample);
    [[nodiscard]] std::vector<Finding> check(std::string_view backend, std::error_code& ec,
                                             CheckDepth depth = CheckDepth::sample);

    // What was done so far, and what is under way. Does not block.
    [[nodiscard]] LockStats stats() const;
    // The same for each LockOptions::key_template, first that of calls without one. May throw
    // bad_alloc.
    [[nodiscard]] std::vector<TemplateStats> stats_by_template() const;
    // All of it as text for Prometheus (exposition format 0.0.4), for the answer to a scrape or a
    // file for node_exporter. The label is the template, never a key. `manager`, if not empty, is a
    // label of each line, to tell several managers apart. Does not block, but for `out`, which may
    // throw what it throws. <leaselock/prometheus.hpp> gives the same to prometheus-cpp.
    void write_metrics(std::ostream& out, std::string_view manager = {}) const;

  private:
    friend class ScopedDistributedLock;
    friend struct detail::ManagerAccess;
    friend LockManager& default_manager();
    friend void set_default_manager(LockManager manager);

    // What acquire() and the guard's constructors do; `ec` null: they throw.
    Acquired<ScopedDistributedLock> acquire_or_tell(std::string_view key,
                                                    const LockOptions& options,
                                                    const std::stop_token& stop,
                                                    std::error_code* ec);
    Acquired<ScopedDistributedLock> acquire_by_operation(std::string_view key,
                                                         const LockOptions& options,
                                                         const std::stop_token& stop,
                                                         std::error_code* ec);
    detail::LeasePtr lease_for_guard(std::string_view key, const LockOptions& options,
                                     const std::stop_token& stop, std::error_code* ec);

    std::shared_ptr<detail::Core> core_;
};

// One manager for the whole process, made at the first call and never destroyed (at exit it does
// what the destructor does): what DISTRIBUTED_LOCK uses where it is given none. Register its
// backends before its first use.
[[nodiscard]] LEASELOCK_EXPORT LockManager& default_manager();
// From then on it is this one. Once, and before its first use: throws LockError{registry_frozen}.
// Until then it has memory, whose locks are of this process alone, and check() says so.
LEASELOCK_EXPORT void set_default_manager(LockManager manager);

}  // namespace leaselock

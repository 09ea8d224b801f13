// What a manager and its guards share: the backends, the clock, who we are, and the threads. It
// lives as long as the last of them, so a guard may outlive its manager; the threads end with that.
//
// The registry of backends is open until the first use and fixed from then on, so that the lookups
// of a million acquisitions need no lock.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/detail/origin.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/finding.hpp>
#include <leaselock/lock_options.hpp>

#include "manager/acquisition.hpp"
#include "manager/failure.hpp"
#include "manager/keeper.hpp"
#include "manager/lease.hpp"
#include "manager/local_queue.hpp"
#include "manager/notifier.hpp"
#include "manager/reactor.hpp"
#include "manager/waiter.hpp"

namespace leaselock::detail {

// How long a call waits; nothing: it does not. The options are checked.
[[nodiscard]] std::optional<std::chrono::milliseconds> patience(
    const LockOptions& options) noexcept;

class Core {
  public:
    // Throws LockError{invalid_option}.
    explicit Core(ManagerOptions options);

    [[nodiscard]] bool register_backend(std::string name, std::shared_ptr<Backend> backend,
                                        Failure& failure);
    [[nodiscard]] bool set_default_backend(std::string_view name, Failure& failure);

    // A held lease, or null and why. Blocks as LockManager::acquire says.
    [[nodiscard]] static LeasePtr acquire(const std::shared_ptr<Core>& self, std::string_view key,
                                          const LockOptions& options, const std::stop_token& stop,
                                          Failure& failure);
    // What has to be there before a first byte is written, or null and why.
    [[nodiscard]] static LeasePtr make_lease(const std::shared_ptr<Core>& self,
                                             std::string_view key, const LockOptions& options,
                                             Failure& failure);
    [[nodiscard]] AcquireMachine::Plan plan(const LockOptions& options, const Lease& lease,
                                            Clock::time_point now) const noexcept;
    // The end of an acquisition: the lease, which is held now (but for that of a latch, which never
    // is), or null and why. May throw bad_alloc, and leaves the lease to the caller then.
    struct Span {
        Clock::time_point begin;
        Clock::time_point end;
    };
    [[nodiscard]] LeasePtr conclude(LeasePtr&& lease, const AcquireMachine& machine,
                                    const LockOptions& options, Span span, Failure& failure);
    // The release that is owed by a token whose acquisition came to nothing.
    void settle_debt(LeasePtr lease, const AcquireMachine& machine) noexcept;

    // What the manager's destructor promises. A manager that was moved from has no core.
    static void shut_down(std::shared_ptr<Core> core) noexcept;

    // False: it was made before this process was copied.
    [[nodiscard]] bool of_this_process(Failure& failure) const;
    [[nodiscard]] const Origin& origin() const noexcept { return origin_; }
    // The backend for a call that names `name`, or null and why. Freezes the registry.
    [[nodiscard]] Backend* backend_for(std::string_view name, Failure& failure);
    // As LockManager::check. Throws LockError.
    [[nodiscard]] std::vector<Finding> check(std::string_view backend);

    [[nodiscard]] Clock& clock() const noexcept { return *options_.clock; }
    [[nodiscard]] const ManagerOptions& options() const noexcept { return options_; }
    [[nodiscard]] Keeper& keeper() noexcept { return keeper_; }
    [[nodiscard]] Notifier& notifier() noexcept { return *notifier_; }
    [[nodiscard]] const std::shared_ptr<Reactor>& reactor() const noexcept { return reactor_; }
    [[nodiscard]] LocalQueue& local_queue() noexcept { return local_queue_; }
    [[nodiscard]] LockStats stats();
    [[nodiscard]] std::vector<TemplateStats> stats_by_template();

    // The observer, if there is one, is told from now on. False: there is no thread to do it.
    [[nodiscard]] bool tells(Failure& failure);
    // The loss of that lease is notified. May throw bad_alloc, and LockError{no_thread}.
    void watch(Lease& lease);

    // Submits the operation and blocks until it is complete: at most until its deadline, or the
    // backend's own time-out. Answers the time after it, or `submitted` if it was answered at once.
    Clock::time_point run(Backend& backend, Operation& operation) const noexcept;

  private:
    using Registry = std::vector<std::pair<std::string, std::shared_ptr<Backend>>>;

    [[nodiscard]] Backend* find(std::string_view name) const noexcept;
    // The same, and if there is none, the failure says so.
    [[nodiscard]] Backend* find(std::string_view name, Failure& failure) const;
    [[nodiscard]] bool open(Failure& failure) const LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] bool freeze(Failure& failure);
    [[nodiscard]] Backend* choose(std::string_view name, Failure& failure);
    // Whether a lock may be acquired now, and if not, why. Starts the threads.
    [[nodiscard]] bool ready(Failure& failure);
    [[nodiscard]] LeasePtr acquire(LeasePtr lease, const LockOptions& options,
                                   const std::stop_token& stop, Failure& failure);
    Clock::time_point drive(Acquisition& acquisition, const Lease& lease,
                            std::optional<ThreadWaiter>& waiter, const std::stop_token& stop,
                            Clock::time_point now);
    void tell_failure(const Lease& lease, const Failure& failure, Clock::time_point now,
                      std::chrono::nanoseconds waited) noexcept;

    ManagerOptions options_;
    const Origin origin_{};
    const std::shared_ptr<Notifier> notifier_;
    Keeper keeper_;
    const std::shared_ptr<Reactor> reactor_;
    LocalQueue local_queue_;
    std::atomic<bool> started_{false};
    mutable Mutex mutex_;
    // Written under the mutex while not frozen, read without it afterwards.
    Registry backends_;
    Backend* default_backend_ = nullptr;
    std::atomic<bool> frozen_{false};
};

}  // namespace leaselock::detail

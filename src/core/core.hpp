// What a manager and its guards share: the options, the backends, and the runtime of its locks. It
// lives as long as the last of them, so a guard may outlive its manager.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/detail/lease_ptr.hpp>
#include <leaselock/lock_options.hpp>
#include <leaselock/observer.hpp>

#include "core/acquisition.hpp"
#include "core/backend_registry.hpp"
#include "core/failure.hpp"
#include "core/lifeline.hpp"
#include "core/runtime.hpp"
#include "core/waiter.hpp"

namespace leaselock::detail {

class Core {
  public:
    // Throws LockError{invalid_option}.
    explicit Core(ManagerOptions options);

    [[nodiscard]] bool register_backend(std::string name, std::shared_ptr<Backend> backend,
                                        Failure& failure);
    [[nodiscard]] bool set_default_backend(std::string_view name, Failure& failure);

    // Whether a call may wait for a lock on this thread: one that resumes coroutines may have to
    // resume the holder. False: would_deadlock.
    [[nodiscard]] static bool may_wait(std::string_view key, Failure& failure);

    // A held lease, or null and why. Blocks as LockManager::acquire says.
    [[nodiscard]] static LeasePtr acquire(const std::shared_ptr<Core>& self, std::string_view key,
                                          const LockOptions& options, const std::stop_token& stop,
                                          Failure& failure);
    // The same of any claim: whether it was granted, and the lease of a lock.
    [[nodiscard]] static bool acquire(const std::shared_ptr<Core>& self, std::string_view key,
                                      Claim claim, const LockOptions& options,
                                      const std::stop_token& stop, LeasePtr& lease,
                                      Failure& failure);
    // The same of all of a lock that a store in memory grants at once, without an Operation and
    // without words. Null: nothing was done; acquire() does it, or says why not. May throw
    // bad_alloc.
    [[nodiscard]] static LeasePtr acquire_at_once(const std::shared_ptr<Core>& self,
                                                  std::string_view key, const LockOptions& options);
    // What has to be there before a first byte is written, or null and why. It keeps the core
    // alive. The share of the options is not looked at, but for whether there is such a one.
    [[nodiscard]] static LeasePtr make_lease(const std::shared_ptr<Core>& self,
                                             std::string_view key, Claim claim,
                                             const LockOptions& options, Failure& failure);

    // What the manager's destructor promises. A manager that was moved from has no core.
    static void shut_down(std::shared_ptr<Core> core) noexcept;

    // The backend for a call that names `name`, or null and why. Freezes the registry.
    [[nodiscard]] Backend* backend_for(std::string_view name, Failure& failure);

    // The manager stands where nobody has set one.
    void is_stopgap() noexcept { is_stopgap_ = true; }
    // Whether it does, and has nothing but memory.
    [[nodiscard]] bool is_process_local() const;
    // Whether another may be put in the place of this one; or why not.
    [[nodiscard]] bool replace(Failure& failure);

    [[nodiscard]] const ManagerOptions& options() const noexcept { return options_; }
    [[nodiscard]] Clock& clock() const noexcept { return *options_.clock; }
    [[nodiscard]] Runtime& runtime() noexcept { return runtime_; }
    [[nodiscard]] LockStats stats();
    [[nodiscard]] std::vector<TemplateStats> stats_by_template();

  private:
    // Whether a lock may be acquired now, and if not, why. Starts the threads.
    [[nodiscard]] bool ready(Failure& failure);
    [[nodiscard]] bool acquire(LeasePtr& lease, const LockOptions& options,
                               const std::stop_token& stop, Failure& failure);
    [[nodiscard]] bool has_room_for_cleanup() noexcept;
    // Whether the next lease of this manager is the first of a default one that nobody has set.
    [[nodiscard]] bool is_unset() const;
    // The store that can do that call at once, if it is one that nothing speaks against.
    [[nodiscard]] Backend* store_at_once(std::string_view key, const LockOptions& options);
    [[nodiscard]] static LeasePtr new_lease(const std::shared_ptr<Core>& self, Backend& backend,
                                            std::string_view key, Claim claim,
                                            std::string_view key_template);
    Clock::time_point drive(Acquisition& acquisition, const Lease& lease,
                            std::optional<ThreadWaiter>& waiter, const std::stop_token& stop,
                            Clock::time_point now);

    const ManagerOptions options_;
    const bool is_plain_prefix_;
    Runtime runtime_;
    BackendRegistry registry_;
    Lifeline lifeline_;
    bool is_stopgap_ = false;
};

}  // namespace leaselock::detail

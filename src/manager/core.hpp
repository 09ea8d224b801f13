// What a manager and its guards share: the backends, the clock, who we are. It lives as long as the
// last of them, so a guard may outlive its manager.
//
// The registry of backends is open until the first use and fixed from then on, so that the lookups
// of a million acquisitions need no lock.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <atomic>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/detail/lease.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/lock_options.hpp>

#include "manager/acquire_machine.hpp"
#include "manager/failure.hpp"

namespace leaselock::detail {

class Core {
  public:
    // Throws LockError{invalid_option}.
    explicit Core(ManagerOptions options);

    [[nodiscard]] bool register_backend(std::string name, std::shared_ptr<Backend> backend,
                                        Failure& failure);
    [[nodiscard]] bool set_default_backend(std::string_view name, Failure& failure);

    // A held lease, or null and why. Blocks as LockManager::acquire says.
    [[nodiscard]] static std::unique_ptr<Lease> acquire(const std::shared_ptr<Core>& self,
                                                        std::string_view key,
                                                        const LockOptions& options,
                                                        const std::stop_token& stop,
                                                        Failure& failure);
    [[nodiscard]] bool inspect(std::string_view key, std::string_view backend, LockInfo& info,
                               Failure& failure);

    [[nodiscard]] Clock& clock() const noexcept { return *options_.clock; }
    [[nodiscard]] const ManagerOptions& options() const noexcept { return options_; }

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
    // The backend for a call that names `name`, or null and why. Freezes the registry.
    [[nodiscard]] Backend* choose(std::string_view name, Failure& failure);
    [[nodiscard]] AcquireMachine::Plan plan(const LockOptions& options, const Lease& lease,
                                            Clock::time_point now) const noexcept;
    void drive(AcquireMachine& machine, Lease& lease, Backend& backend, const LockOptions& options,
               std::chrono::milliseconds ttl, Clock::time_point now, const std::stop_token& stop,
               Failure& failure) const;

    ManagerOptions options_;
    mutable Mutex mutex_;
    // Written under the mutex while not frozen, read without it afterwards.
    Registry backends_;
    Backend* default_backend_ = nullptr;
    std::atomic<bool> frozen_{false};
};

}  // namespace leaselock::detail

// What all locks of a manager share while they are held or waited for: the clock, the threads, the
// table of what is held and the local queue. Each lease keeps it alive, with the Core that it is a
// part of, so that a guard may outlive its manager; the threads end with the manager.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <atomic>
#include <memory>

#include <leaselock/clock.hpp>
#include <leaselock/detail/origin.hpp>
#include <leaselock/lock_options.hpp>

#include "core/failure.hpp"
#include "core/lease.hpp"
#include "core/lease_task.hpp"
#include "core/local_queue.hpp"
#include "core/notifier.hpp"
#include "core/reactor.hpp"

namespace leaselock::detail {

class Runtime {
  public:
    explicit Runtime(const ManagerOptions& options);

    // False: it was made before this process was copied.
    [[nodiscard]] bool of_this_process(Failure& failure) const;
    [[nodiscard]] const Origin& origin() const noexcept { return origin_; }
    [[nodiscard]] Clock& clock() const noexcept { return *clock_; }
    [[nodiscard]] LeaseTask& lease_task() noexcept { return lease_task_; }
    [[nodiscard]] Notifier& notifier() noexcept { return *notifier_; }
    [[nodiscard]] const std::shared_ptr<Reactor>& reactor() const noexcept { return reactor_; }
    [[nodiscard]] LocalQueue& local_queue() noexcept { return local_queue_; }

    // The threads that every lock needs. False: the system gives none. May throw bad_alloc.
    [[nodiscard]] bool start(Failure& failure);
    [[nodiscard]] bool is_started() const noexcept {
        return started_.load(std::memory_order_relaxed);
    }
    // The observer, if there is one, is notified from now on. False: there is no thread to do it.
    [[nodiscard]] bool tells(Failure& failure);
    // The loss of that lease is notified. May throw bad_alloc, and LockError{no_thread}.
    void watch(Lease& lease);
    // Ends the threads, one after the other; what is owed is delivered until `patience` is over.
    void stop(std::chrono::milliseconds patience) noexcept;

  private:
    const Origin origin_{};
    const std::shared_ptr<Clock> clock_;
    const std::shared_ptr<Notifier> notifier_;
    LeaseTask lease_task_;
    const std::shared_ptr<Reactor> reactor_;
    LocalQueue local_queue_;
    std::atomic<bool> started_{false};
};

}  // namespace leaselock::detail

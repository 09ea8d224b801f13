// Requests for which no caller blocks: a thread does them, one after the other, and tries those
// again in whose file another process is. Those of one key keep their order. The thread is started
// with the first one.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/thread_annotations.hpp>

namespace leaselock::file {

class Background {
  public:
    // What it does; called on its thread.
    class Worker {
      public:
        // Does it, and completes it. False: not yet.
        [[nodiscard]] virtual bool run_in_time(Operation& operation) noexcept = 0;
        // Completes it: it could not be done.
        virtual void give_up(Operation& operation) noexcept = 0;

      protected:
        ~Worker() = default;
    };

    explicit Background(Worker& worker) noexcept : worker_{worker} {}
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;
    // Blocks for the request that is under way.
    ~Background();

    // False: there is no thread, or no memory.
    [[nodiscard]] bool add(Operation& operation) noexcept;
    // True: it is the caller's to complete. False: it is completed, or is going to be at once.
    [[nodiscard]] bool take_out(Operation& operation) noexcept;

  private:
    using Operations = std::list<Operation*>;

    void loop() noexcept;
    void try_all() noexcept LEASELOCK_REQUIRES(mutex_);
    void try_one(Operations::iterator which) noexcept LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] bool is_blocked(std::string_view key) const noexcept LEASELOCK_REQUIRES(mutex_);

    Worker& worker_;
    const std::shared_ptr<Clock> clock_ = boot_clock();
    Waker waker_;
    detail::Mutex mutex_;
    Operations operations_ LEASELOCK_GUARDED_BY(mutex_);
    Operations::iterator cursor_ LEASELOCK_GUARDED_BY(mutex_) = operations_.end();
    // Of this round: those in whose files others are. An operation may be gone before its round.
    std::vector<std::string> blocked_ LEASELOCK_GUARDED_BY(mutex_);
    Operation* running_ LEASELOCK_GUARDED_BY(mutex_) = nullptr;
    bool is_cancelled_ LEASELOCK_GUARDED_BY(mutex_) = false;  // what runs
    bool ending_ LEASELOCK_GUARDED_BY(mutex_) = false;
    std::thread thread_ LEASELOCK_GUARDED_BY(mutex_);
};

}  // namespace leaselock::file

// What a coroutine or a callback waits for, as tasks of the Reactor: an acquisition, and a release.
//
// Thread-safety: of the caller's thread before start(), and when it is done; in between of the
// reactor's, but for what Waiter promises.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>

#include <leaselock/detail/lease_ptr.hpp>
#include <leaselock/lock_options.hpp>

#include "core/acquisition.hpp"
#include "core/core.hpp"
#include "core/failure.hpp"
#include "core/reactor.hpp"
#include "core/release.hpp"
#include "core/waiter.hpp"

namespace leaselock::detail {

class AcquireTask final : public Reactor::Task, private Waiter {
  public:
    // `stop` ends the wait.
    AcquireTask(std::shared_ptr<Core> core, LeasePtr lease, const LockOptions& options,
                std::stop_token stop) noexcept;
    AcquireTask(const AcquireTask&) = delete;
    AcquireTask& operator=(const AcquireTask&) = delete;
    ~AcquireTask() override;

    // True: it is under way, and the continuation will run. False: not, and why. May throw
    // bad_alloc. In both cases nothing was sent.
    [[nodiscard]] bool start(Failure& failure);
    // When it is done, once: whether it was granted, the lease of a lock, or why not. Throws
    // bad_alloc if that was why.
    [[nodiscard]] bool take(LeasePtr& lease, Failure& failure);

    [[nodiscard]] const std::shared_ptr<Reactor>& reactor() const noexcept { return reactor_; }

  private:
    struct Ring {
        AcquireTask* task;
        void operator()() const noexcept { task->reactor_->interrupt(*task); }
    };

    Wait step(Clock::time_point now, bool give_up) noexcept override;
    [[nodiscard]] Acquisition::Next go_on(Clock::time_point now, bool give_up);
    WakeUp wake() noexcept override { return reactor_->ring(*this); }

    const std::shared_ptr<Core> core_;
    const std::shared_ptr<Reactor> reactor_;
    LeasePtr lease_;
    const LockOptions options_;
    const std::stop_token stop_;
    Clock::time_point begin_{};
    Failure failure_{};
    bool granted_ = false;
    bool no_memory_ = false;
    enum class Last : std::uint8_t { nothing, submitted, slept } last_ = Last::nothing;
    std::optional<Acquisition> acquisition_{};
    std::optional<std::stop_callback<Ring>> on_stop_{};
};

class ReleaseTask final : public Reactor::Task {
  public:
    explicit ReleaseTask(LeasePtr lease) noexcept;

    // True: it is under way, and the continuation will run. False: the result is there. May throw
    // bad_alloc; the lock is held as before then.
    [[nodiscard]] bool start();
    [[nodiscard]] ReleaseResult result() const noexcept { return release_.result(); }
    [[nodiscard]] Errc error() const noexcept { return release_.error(); }

    [[nodiscard]] const std::shared_ptr<Reactor>& reactor() const noexcept { return reactor_; }

  private:
    Wait step(Clock::time_point now, bool give_up) noexcept override;

    const LeasePtr lease_;
    const std::shared_ptr<Reactor> reactor_;
    Release release_;
    bool submitted_ = false;
};

}  // namespace leaselock::detail

// The release of a lease, by its holder: waited for by a thread or a coroutine, or not at all.
//
// Thread-safety: of the guard's thread, as the guard.
#pragma once

#include <optional>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/lease_ptr.hpp>
#include <leaselock/lock_options.hpp>

namespace leaselock::detail {

// A release whose answer is waited for, without a thread. The lease outlives it.
class Release {
  public:
    explicit Release(Lease& lease) noexcept : lease_{lease} {}

    // True: operation() is to be submitted to the lease's backend. False: result() is there.
    [[nodiscard]] bool begin(Clock::time_point now) noexcept;
    // After what begin() does has been done.
    void send(Clock::time_point now) noexcept;
    [[nodiscard]] Operation& operation() noexcept { return *operation_; }
    // It was answered. False: there is another operation().
    [[nodiscard]] bool answered(Clock::time_point now) noexcept;
    // Blocks until the answer to what has begun is there, at most twice the command time-out.
    void run() noexcept;
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

// Blocks as Release::run(). Once; later calls answer `not_held`. `error` says why it is `unknown`,
// and is 0 otherwise.
ReleaseResult release(Lease& lease, Errc& error) noexcept;

// The same without waiting: the answer is read by others. The guard gives the lease up.
void let_go(LeasePtr lease) noexcept;

}  // namespace leaselock::detail

// One acquisition, without a thread: brings an AcquireMachine together with the backend, the local
// queue and the releases of this manager. It says what is to be done next, a command or a pause; a
// thread that blocks does it, or the Reactor for a coroutine. Its end leaves the queue, and the
// backend knows the waiter no more; what the token owes at the store is left to the caller.
//
// Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <optional>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>

#include "core/acquire_machine.hpp"
#include "core/cleanup.hpp"
#include "core/failure.hpp"
#include "core/lease.hpp"
#include "core/local_queue.hpp"
#include "core/waiter.hpp"

namespace leaselock::detail {

class Acquisition {
  public:
    enum class Instruction : std::uint8_t {
        submit,  // operation(), to the lease's backend; then answered()
        sleep,   // until then, or until the waiter is woken; then woke(), or stop()
        done,
    };
    struct Next {
        Instruction instruction;
        Clock::time_point until{};
        bool is_notified = false;  // sleep: the backend notifies it of a hand-off
    };

    // When it enters the local queue: if it is empty, at once, or after a poll in vain.
    enum class Begins : std::uint8_t { in_line, at_the_store };

    // `queue` and `cleanup` are those of the lease's manager. `waiter` is null if the plan does not
    // wait.
    Acquisition(LocalQueue& queue, Cleanup& cleanup, Lease& lease, const AcquireMachine::Plan& plan,
                Waiter* waiter, Begins begins, Failure& failure) noexcept
        : queue_{queue},
          cleanup_{cleanup},
          lease_{lease},
          machine_{plan},
          waiter_{waiter},
          begins_{begins},
          failure_{failure} {}
    Acquisition(const Acquisition&) = delete;
    Acquisition& operator=(const Acquisition&) = delete;
    ~Acquisition() { end(); }

    [[nodiscard]] Next start(Clock::time_point now) noexcept;
    [[nodiscard]] Operation& operation() noexcept { return clearing_ ? *clearing_ : *poll_; }
    // May throw bad_alloc: then what the token owes is known all the same.
    [[nodiscard]] Next answered(Clock::time_point now);
    // In the place of what answered() gave, when the caller has requested a stop: nothing more is
    // sent or waited for, and a command that failed may have been cancelled for that.
    [[nodiscard]] Next stop_after(const Next& answered) noexcept;
    [[nodiscard]] Next woke(Clock::time_point now) noexcept;
    [[nodiscard]] Next stop() noexcept { return next(machine_.stop(), {}); }
    // It waits no more. Again changes nothing.
    void end() noexcept;

    [[nodiscard]] const AcquireMachine& machine() const noexcept { return machine_; }

  private:
    using Action = AcquireMachine::Action;

    // Whether it is in the local queue while it waits.
    [[nodiscard]] bool in_line() const noexcept;
    // Whether the store is polled while it waits; else it waits for its turn in the local queue.
    [[nodiscard]] bool polls() noexcept;
    [[nodiscard]] bool stands_behind_others() noexcept;
    Next next(const Action& action, Clock::time_point now) noexcept;
    void poll(const Action& how, Clock::time_point now) noexcept;
    [[nodiscard]] Next judge(bool out_of_the_way, Clock::time_point now);
    void note_queue(const Reply& reply) noexcept;
    void pass_message_on() noexcept;
    enum class Way : std::uint8_t { blocked, cleared, to_clear };
    [[nodiscard]] Way way(const Reply& reply, Clock::time_point now) noexcept;

    LocalQueue& queue_;
    Cleanup& cleanup_;
    Lease& lease_;
    AcquireMachine machine_;
    Waiter* waiter_;
    const Begins begins_;
    Failure& failure_;
    std::optional<Operation> poll_{};      // the newest one
    std::optional<Operation> clearing_{};  // a release of ours that was in its way
    std::uint64_t let_go_before_ = 0;
    int cleared_ = 0;     // how often a release of ours was in the way
    bool told_ = false;   // notified of hand-offs, as the last answer says
    bool known_ = false;  // the backend may know the waiter
};

}  // namespace leaselock::detail

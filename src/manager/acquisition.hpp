// One acquisition on the caller's thread: drives an AcquireMachine, asks the backend, and sleeps in
// between, in the local queue if others of the manager wait for the same lock. Its end leaves that
// queue, and the backend knows it no more; what the token owes at the store is left to the caller.
//
// Thread-safety: one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>

#include "manager/acquire_machine.hpp"
#include "manager/failure.hpp"
#include "manager/lease.hpp"
#include "manager/waiter.hpp"

namespace leaselock::detail {

class Core;

class Acquisition {
  public:
    Acquisition(Core& core, Lease& lease, AcquireMachine& machine, const std::stop_token& stop,
                Failure& failure) noexcept
        : core_{core}, lease_{lease}, machine_{machine}, stop_{stop}, failure_{failure} {}
    Acquisition(const Acquisition&) = delete;
    Acquisition& operator=(const Acquisition&) = delete;
    ~Acquisition();

    // Blocks until the machine is done, and answers the time then. May throw bad_alloc.
    Clock::time_point run(Clock::time_point now);

  private:
    using Action = AcquireMachine::Action;

    [[nodiscard]] Action start(Clock::time_point now);
    [[nodiscard]] Action sleep(Clock::time_point until, Clock::time_point& now);
    [[nodiscard]] Action look(Action how, Clock::time_point& now);
    void note(const Reply& reply, const Action& how) noexcept;
    void pass_message_on() noexcept;
    [[nodiscard]] bool clear_way(const Reply& reply, std::uint64_t let_go_before,
                                 Clock::time_point until, Clock::time_point& now);

    Core& core_;
    Lease& lease_;
    AcquireMachine& machine_;
    const std::stop_token& stop_;
    Failure& failure_;
    int cleared_ = 0;                 // how often a release of ours was in the way
    bool told_ = false;               // of hand-offs, as the last answer says
    bool known_ = false;              // the backend may know the waiter
    std::optional<Waiter> waiter_{};  // none: the call does not wait
};

}  // namespace leaselock::detail

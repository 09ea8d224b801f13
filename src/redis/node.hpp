// One server and all of our connections to it: for commands, for renewals whose answers are late,
// and for the messages of hand-offs. Each is opened when it is needed for the first time.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>

#include "redis/command_channel.hpp"
#include "redis/connection_settings.hpp"
#include "redis/hand_off_subscriber.hpp"

namespace leaselock::redis {

// Completes an operation whose key Redis cannot do. False: it can.
[[nodiscard]] bool refuse_key(Operation& operation) noexcept;

class Node {
  public:
    explicit Node(const ConnectionSettings& settings, const std::shared_ptr<Clock>& clock,
                  std::string channel = new_channel())
        : subscriber_{settings, clock, std::move(channel)},
          commands_{settings, clock, &subscriber_},
          other_commands_{settings, clock} {}

    // As Backend says. The key of each is one that Redis can do.
    void submit(std::span<Operation* const> operations) noexcept {
        commands_.submit(operations, subscriber_.enlist(operations));
    }
    // `asking`: to a node of a cluster that is given the slot just now (CommandChannel::submit).
    void submit(Operation& operation, bool asking = false) noexcept {
        Operation* const one = &operation;
        const std::uint64_t subscription =
            operation.request.repeated ? 0 : subscriber_.enlist({&one, 1});
        commands_of(operation).submit({&one, 1}, subscription, asking);
    }
    bool help(Operation& operation, Clock::time_point until) noexcept {
        return commands_of(operation).help(operation, until);
    }
    void cancel(Operation& operation) noexcept { commands_of(operation).cancel(operation); }
    void forget(Listener& listener) noexcept { subscriber_.forget(listener); }
    bool sleep_until(Clock::time_point until, Waker& waker) noexcept {
        return subscriber_.sleep_until(until, waker);
    }
    [[nodiscard]] bool wants_driver() noexcept { return subscriber_.wants_driver(); }
    // All who listen shall poll.
    void look() noexcept { subscriber_.look(); }

  private:
    // For an operation that is under way.
    CommandChannel& commands_of(const Operation& operation) noexcept {
        return operation.request.repeated ? other_commands_ : commands_;
    }

    HandOffSubscriber subscriber_;
    CommandChannel commands_;
    CommandChannel other_commands_;  // for renewals whose answers are late
};

}  // namespace leaselock::redis

// One server and all of our connections to it: for commands, for renewals whose answers are late,
// and for the messages of hand-offs. Each is opened when it is needed for the first time.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <algorithm>
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
        : renews_apart_{settings.wait_replicas > 0},
          subscriber_{settings, clock, std::move(channel)},
          commands_{settings, clock, &subscriber_},
          other_commands_{settings, clock} {}

    // As Backend says. The key of each is one that Redis can do.
    void submit(std::span<Operation* const> operations) noexcept {
        const bool is_other = is_for_other(*operations.front());
        const auto is_same = [&](const Operation* each) { return is_for_other(*each) == is_other; };
        if (!std::all_of(operations.begin(), operations.end(), is_same)) {
            for (Operation* const each : operations) submit(*each);
        } else if (is_other) {
            other_commands_.submit(operations);
        } else {
            commands_.submit(operations, subscriber_.enlist(operations));
        }
    }
    // `asking`: to a node of a cluster that is given the slot just now (CommandChannel::submit).
    void submit(Operation& operation, bool asking = false) noexcept {
        Operation* const one = &operation;
        const std::uint64_t subscription =
            is_for_other(operation) ? 0 : subscriber_.enlist({&one, 1});
        commands_of(operation).submit({&one, 1}, subscription, asking);
    }
    bool help(Operation& operation, Clock::time_point until) noexcept {
        return commands_of(operation).help(operation, until);
    }
    void cancel(Operation& operation) noexcept { commands_of(operation).cancel(operation); }
    void forget(Listener& listener) noexcept { subscriber_.forget(listener); }
    void forget_all() noexcept { subscriber_.forget_all(); }
    bool sleep_until(Clock::time_point until, Waker& waker) noexcept {
        return subscriber_.sleep_until(until, waker);
    }
    [[nodiscard]] bool wants_driver() noexcept { return subscriber_.wants_driver(); }
    // All that listen shall poll.
    void let_all_poll() noexcept { subscriber_.let_all_poll(); }
    // The server is not to be used any more: what may have left is unknown, the rest waits for the
    // next connection.
    void abandon() noexcept {
        subscriber_.abandon();
        commands_.abandon();
        other_commands_.abandon();
    }

  private:
    // A renewal that is repeated takes another way than the one before it. Where replicas must
    // acknowledge, what waits for them must not hold up renewals.
    [[nodiscard]] bool is_for_other(const Operation& operation) const noexcept {
        const bool is_apart = renews_apart_ && operation.request.verb == Verb::renew;
        return operation.request.repeated != is_apart;
    }
    // For an operation that is under way.
    CommandChannel& commands_of(const Operation& operation) noexcept {
        return is_for_other(operation) ? other_commands_ : commands_;
    }

    const bool renews_apart_;

    HandOffSubscriber subscriber_;
    CommandChannel commands_;
    CommandChannel other_commands_;  // for renewals whose answers are late
};

}  // namespace leaselock::redis

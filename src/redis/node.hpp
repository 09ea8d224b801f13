// One server and all of our connections to it: for commands, for renewals whose answers are late,
// and for the messages of hand-offs. Each is opened when it is needed for the first time.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <memory>
#include <span>
#include <string>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>

#include "redis/inbox.hpp"
#include "redis/link.hpp"
#include "redis/link_settings.hpp"

namespace leaselock::redis {

class Node {
  public:
    explicit Node(const LinkSettings& settings, const std::shared_ptr<Clock>& clock,
                  std::string channel = new_channel())
        : inbox_{settings, clock, std::move(channel)},
          link_{settings, clock, &inbox_},
          other_link_{settings, clock} {}

    // As Backend says. The key of each is one that Redis can do.
    void submit(std::span<Operation* const> operations) noexcept {
        link_.submit(operations, inbox_.enlist(operations));
    }
    void submit(Operation& operation) noexcept {
        Operation* const one = &operation;
        if (operation.request.repeated) {
            other_link_.submit(operation);
        } else {
            submit({&one, 1});
        }
    }
    bool help(Operation& operation, Clock::time_point until) noexcept {
        return link_of(operation).help(operation, until);
    }
    void cancel(Operation& operation) noexcept { link_of(operation).cancel(operation); }
    void forget(Listener& listener) noexcept { inbox_.forget(listener); }
    bool sleep_until(Clock::time_point until, Waker& waker) noexcept {
        return inbox_.sleep_until(until, waker);
    }

  private:
    // For an operation that is under way.
    Link& link_of(const Operation& operation) noexcept {
        return operation.request.repeated ? other_link_ : link_;
    }

    Inbox inbox_;
    Link link_;
    Link other_link_;  // for renewals whose answers are late
};

}  // namespace leaselock::redis

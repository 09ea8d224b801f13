// What the backends for one server and for a Cluster have in common: `Servers` does the operations
// (a Node, a Cluster), and here is what holds for both: what they promise, keys that Redis cannot
// do, and copies of the process, which can do nothing.
//
// Thread-safety: as Backend says.
#pragma once

#include <algorithm>
#include <span>
#include <utility>

#include <leaselock/backend.hpp>

#include "lock/key_rule.hpp"
#include "redis/node.hpp"

namespace leaselock::redis {

template <class Servers>
class CommonBackend : public Backend {
  public:
    CommonBackend(const CommonBackend&) = delete;
    CommonBackend& operator=(const CommonBackend&) = delete;
    ~CommonBackend() override = default;

    using Backend::submit;

    // For a user with all rights of docs/guide/redis.md. Which of them this one has only the server
    // knows. A replica that is promoted may lack what its master had granted, but for what it had
    // to acknowledge; queue entries too.
    [[nodiscard]] Guarantees guarantees() const noexcept final {
        return {.exclusion = acknowledged_ ? Exclusion::if_replicated : Exclusion::until_failover,
                .fences = Fences::clock,
                .notified = true,
                .fair = true,
                .shares = true,
                .latches = true,
                .min_hold = true,
                .list = true,
                .least_ttl = min_ttl};
    }

    void submit(std::span<Operation* const> operations) noexcept final {
        if (is_copied()) return refuse_copied(operations);
        const auto is_sound = [](const Operation* each) {
            return detail::key_fault(each->request.key).empty();
        };
        if (std::all_of(operations.begin(), operations.end(), is_sound)) {
            servers_->submit(operations);
            return;
        }
        for (Operation* const operation : operations) {
            if (!refuse_key(*operation)) servers_->submit({&operation, 1});
        }
    }
    bool help(Operation& operation, Clock::time_point until) noexcept final {
        if (!is_in_child()) return servers_->help(operation, until);
        operation.fail(Errc::forked, {});
        return true;
    }
    bool sleep_until(Clock::time_point until, Waker& waker) noexcept final {
        return !is_in_child() && servers_->sleep_until(until, waker);
    }
    void cancel(Operation& operation) noexcept final {
        if (!is_in_child()) return servers_->cancel(operation);
        operation.fail(Errc::forked, {});
    }
    void forget(Listener& listener) noexcept final {
        if (!is_in_child()) servers_->forget(listener);
    }

  protected:
    // `common`: of all connections.
    template <class... Arguments>
    explicit CommonBackend(const ConnectionSettings& common, Arguments&&... arguments)
        : acknowledged_{common.wait_replicas > 0},
          servers_{std::forward<Arguments>(arguments)...} {}

    [[nodiscard]] Servers& servers() noexcept { return *servers_; }
    [[nodiscard]] const Servers& servers() const noexcept { return *servers_; }

  private:
    const bool acknowledged_;  // by replicas: what is granted counts only then
    detail::AtHome<Servers> servers_;
};

}  // namespace leaselock::redis

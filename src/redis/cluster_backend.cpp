#include "redis/cluster_backend.hpp"

#include <algorithm>
#include <utility>

#include "lock/key_rule.hpp"
#include "redis/cluster.hpp"
#include "redis/cluster_admin.hpp"

namespace leaselock::redis {
namespace {

class ClusterBackend final : public Backend {
  public:
    ClusterBackend(ClusterSettings settings, std::shared_ptr<Clock> clock)
        : clock_{std::move(clock)}, cluster_{std::move(settings), clock_} {}

    using Backend::submit;

    // For a user with all rights of the documentation. A replica that is promoted may lack what its
    // master had granted, queue entries too.
    [[nodiscard]] Guarantees guarantees() const noexcept override {
        return {.exclusion = Exclusion::until_failover,
                .fences = Fences::clock,
                .notified = true,
                .fair = true,
                .shares = true,
                .latches = true,
                .min_hold = true,
                .list = true,
                .least_ttl = min_ttl};
    }

    void submit(std::span<Operation* const> operations) noexcept override {
        if (is_copied()) return refuse_copied(operations);
        const auto is_good = [](const Operation* each) {
            return detail::key_fault(each->request.key).empty();
        };
        if (std::all_of(operations.begin(), operations.end(), is_good)) {
            cluster_->submit(operations);
            return;
        }
        for (Operation* const operation : operations) {
            if (!refuse_key(*operation)) cluster_->submit({&operation, 1});
        }
    }
    bool help(Operation& operation, Clock::time_point until) noexcept override {
        if (!is_in_child()) return cluster_->help(operation, until);
        operation.fail(Errc::forked, {});
        return true;
    }
    bool sleep_until(Clock::time_point until, Waker& waker) noexcept override {
        return !is_in_child() && cluster_->sleep_until(until, waker);
    }
    void cancel(Operation& operation) noexcept override {
        if (!is_in_child()) return cluster_->cancel(operation);
        operation.fail(Errc::forked, {});
    }
    void forget(Listener& listener) noexcept override {
        if (!is_in_child()) cluster_->forget(listener);
    }
    [[nodiscard]] std::uint64_t reconnects() const noexcept override {
        return *cluster_->settings().common.reconnects;
    }
    void examine(std::vector<Finding>& findings) override {
        throw_if_copied();
        examine_cluster(*cluster_, clock_, findings);
    }
    void examine_prefix(std::string_view prefix, CheckDepth depth,
                        std::vector<Finding>& findings) override {
        throw_if_copied();
        examine_cluster_counters(*cluster_, clock_, prefix, depth, findings);
    }
    std::vector<std::string> list(std::string_view prefix, std::string_view pattern) override {
        throw_if_copied();
        return scan_cluster(*cluster_, clock_, prefix, pattern);
    }

  private:
    const std::shared_ptr<Clock> clock_;
    detail::AtHome<Cluster> cluster_;
};

}  // namespace

std::shared_ptr<Backend> make_cluster_backend(ClusterSettings settings,
                                              std::shared_ptr<Clock> clock) {
    return std::make_shared<ClusterBackend>(std::move(settings), std::move(clock));
}

}  // namespace leaselock::redis

#include "redis/cluster_backend.hpp"

#include <utility>

#include "redis/cluster.hpp"
#include "redis/cluster_admin.hpp"
#include "redis/common_backend.hpp"
#include "redis/server_nodes.hpp"

namespace leaselock::redis {
namespace {

class ClusterBackend final : public CommonBackend<Cluster> {
  public:
    ClusterBackend(const ClusterSettings& settings, std::shared_ptr<Clock> clock)
        : CommonBackend{settings.common, settings, clock}, clock_{std::move(clock)} {}

    [[nodiscard]] std::uint64_t reconnects() const noexcept override {
        return *servers().settings().common.reconnects;
    }
    void examine(std::vector<Finding>& findings) override {
        throw_if_copied();
        examine_cluster(servers(), clock_, findings);
    }
    [[nodiscard]] StoreNodes nodes(std::vector<Finding>& findings) override {
        throw_if_copied();
        return cluster_nodes(servers(), clock_, findings);
    }
    void examine_prefix(std::string_view prefix, CheckDepth depth,
                        std::vector<Finding>& findings) override {
        throw_if_copied();
        examine_cluster_counters(servers(), clock_, prefix, depth, findings);
    }
    std::vector<std::string> list(std::string_view prefix, std::string_view pattern) override {
        throw_if_copied();
        return scan_cluster(servers(), clock_, prefix, pattern);
    }

  private:
    const std::shared_ptr<Clock> clock_;
};

}  // namespace

std::shared_ptr<Backend> make_cluster_backend(const ClusterSettings& settings,
                                              std::shared_ptr<Clock> clock) {
    return std::make_shared<ClusterBackend>(settings, std::move(clock));
}

}  // namespace leaselock::redis

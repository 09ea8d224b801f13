#include "soak/nodes.hpp"

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "redis_sentinel/sentinel_group.hpp"
#include "support/cluster_slot.hpp"
#include "support/poll_until.hpp"
#include "support/redis_cluster.hpp"

namespace leaselock::soak {
namespace {

using namespace std::chrono_literals;
using support::poll_until;
using support::RedisCluster;
using support::SentinelGroup;

constexpr auto patience = 120s;
// Else what a master has for a stopped replica lies in its socket.
const std::vector<std::string> kill_links{"CLIENT", "KILL", "TYPE", "replica"};

class ClusterNodes final : public Nodes {
  public:
    explicit ClusterNodes(const std::string& directory) : cluster_{directory} {}

    [[nodiscard]] std::string url() const override { return cluster_.url(); }
    [[nodiscard]] int replicas() const override { return 1; }
    void move(const std::string& key) override {
        const std::uint16_t slot = support::cluster_slot(key);
        const std::size_t from = cluster_.owner(key);
        const std::size_t to = cluster_.other_master(from);
        cluster_.move_slot(slot, from, to);
        cluster_.move_slot(slot, to, from);
        const std::string mark = "mark:" + key.substr(key.find('{'));
        cluster_.command(from, {"SET", mark, "x", "PX", "1000"});
        if (cluster_.command(from, {"WAIT", "1", "20000"}) != "1") {
            throw std::runtime_error("the replica does not follow its master");
        }
    }
    void prepare(Way way, const std::string& key) override {
        way_ = way;
        master_ = cluster_.owner(key);
        replica_ = cluster_.replica(master_);
        if (way != Way::killed) return;
        cluster_.pause(replica_);
        cluster_.command(master_, kill_links);
    }
    void fail_over() override {
        if (way_ == Way::killed) {
            cluster_.kill9(master_);
            cluster_.resume(replica_);
        }
        if (way_ == Way::stopped) cluster_.pause(master_);
        if (way_ == Way::asked_to_yield) cluster_.command(replica_, {"CLUSTER", "FAILOVER"});
        const auto is_promoted = [&] {
            return cluster_.command(replica_, {"ROLE"}).starts_with("master");
        };
        if (!poll_until(is_promoted, patience)) throw std::runtime_error("no replica is promoted");
    }
    void heal() override {
        if (way_ == Way::killed) cluster_.restart(master_);
        if (way_ == Way::stopped) cluster_.resume(master_);
        cluster_.wait_whole();
    }

  private:
    RedisCluster cluster_;
    Way way_{};
    std::size_t master_ = 0;
    std::size_t replica_ = 0;
};

class SentinelNodes final : public Nodes {
  public:
    explicit SentinelNodes(const std::string& directory) : group_{directory} {}

    [[nodiscard]] std::string url() const override { return group_.url(); }
    [[nodiscard]] int replicas() const override {
        return static_cast<int>(group_.servers().size()) - 1;
    }
    void move(const std::string& /*key*/) override {}
    void prepare(Way way, const std::string& /*key*/) override {
        way_ = way;
        former_ = group_.master();
        if (way != Way::killed) return;
        on_replicas(&SentinelGroup::pause);
        (void)SentinelGroup::ask(former_, kill_links);
    }
    void fail_over() override {
        if (way_ == Way::killed) {
            group_.kill(former_);
            on_replicas(&SentinelGroup::resume);
        }
        if (way_ == Way::stopped) group_.pause(former_);
        if (way_ == Way::asked_to_yield) {
            (void)group_.fail_over();
        } else {
            (void)group_.await_master_other_than(former_);
        }
    }
    void heal() override {
        if (way_ == Way::killed) group_.restart(former_);
        if (way_ == Way::stopped) group_.resume(former_);
        group_.await_rest();
    }

  private:
    void on_replicas(void (SentinelGroup::*what)(std::uint16_t) const) const {
        for (const auto& each : group_.servers()) {
            if (each.port != former_) (group_.*what)(each.port);
        }
    }

    SentinelGroup group_;
    Way way_{};
    std::uint16_t former_ = 0;
};

}  // namespace

std::unique_ptr<Nodes> cluster_in(const std::string& directory) {
    return std::make_unique<ClusterNodes>(directory);
}

std::unique_ptr<Nodes> sentinels_in(const std::string& directory) {
    return std::make_unique<SentinelNodes>(directory);
}

}  // namespace leaselock::soak

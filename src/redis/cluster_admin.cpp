#include "redis/cluster_admin.hpp"

#include <fmt/format.h>
#include <iterator>
#include <utility>

#include <leaselock/error.hpp>

#include "redis/counters.hpp"
#include "redis/examine.hpp"
#include "redis/hash_slot.hpp"
#include "redis/scan.hpp"

namespace leaselock::redis {
namespace {

using Severity = Finding::Severity;

void judge_slots(const SlotTable& table, std::vector<Finding>& findings) {
    if (const std::size_t unserved = table.unserved(); unserved > 0) {
        findings.push_back(
            {Severity::problem, "slots",
             fmt::format("no node serves {} of {} hash slots", unserved, SlotTable::slots),
             "their locks fail until a node serves them: see CLUSTER INFO"});
    }
    for (const SlotTable::Index master : table.masters()) {
        if (table.replicas(master) > 0) continue;
        findings.push_back({Severity::hint, "replicas",
                            fmt::format("{} has none", to_string(table.nodes()[master].address)),
                            "the locks of its slots fail for as long as it is away"});
    }
}

}  // namespace

void examine_cluster(Cluster& cluster, const std::shared_ptr<Clock>& clock,
                     std::vector<Finding>& findings) {
    const SlotTable table = cluster.topology();
    judge_slots(table, findings);
    for (const SlotTable::Index master : table.masters()) {
        const ClusterNode& node = table.nodes()[master];
        const std::string where = to_string(node.address);
        std::vector<Finding> there;
        try {
            examine(cluster.settings().of(node), clock, there);
        } catch (const LockError& error) {
            there.push_back({Severity::problem, "node", error.what(),
                             "the locks of its slots fail for as long as it is away"});
        }
        for (Finding& each : there) {
            each.found = fmt::format("{}: {}", where, each.found);
            findings.push_back(std::move(each));
        }
    }
}

void examine_cluster_counters(Cluster& cluster, const std::shared_ptr<Clock>& clock,
                              std::string_view prefix, CheckDepth depth,
                              std::vector<Finding>& findings) {
    const SlotTable table = cluster.topology();
    for (const SlotTable::Index master : table.masters()) {
        const auto is_there = [&](std::string_view counter) {
            return table.owner(hash_slot(counter)) == master;
        };
        try {
            examine_counters(cluster.settings().of(table.nodes()[master]), clock, prefix, depth,
                             findings, is_there);
        } catch (const LockError&) {
            continue;  // that it is away examine_cluster() says
        }
    }
}

std::vector<std::string> scan_cluster(Cluster& cluster, const std::shared_ptr<Clock>& clock,
                                      std::string_view prefix, std::string_view pattern) {
    const SlotTable table = cluster.topology();
    std::vector<std::string> keys;
    for (const SlotTable::Index master : table.masters()) {
        std::vector<std::string> there =
            scan(cluster.settings().of(table.nodes()[master]), clock, prefix, pattern);
        keys.insert(keys.end(), std::make_move_iterator(there.begin()),
                    std::make_move_iterator(there.end()));
    }
    return keys;
}

}  // namespace leaselock::redis

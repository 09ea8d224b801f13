// What operators ask of a Redis Cluster: the same of each of its masters, over connections of their
// own, and how the slots are spread.
//
// Thread-safety: functions without state of their own.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <leaselock/clock.hpp>
#include <leaselock/finding.hpp>

#include "redis/cluster.hpp"

namespace leaselock::redis {

// As Backend says of examine(), examine_prefix() and list(). They block for a command time-out for
// each master at most; a walk through keys for as long as that takes. Throw LockError if the
// cluster cannot be asked; a master that cannot is a finding of the first.
void examine_cluster(Cluster& cluster, const std::shared_ptr<Clock>& clock,
                     std::vector<Finding>& findings);
void examine_cluster_counters(Cluster& cluster, const std::shared_ptr<Clock>& clock,
                              std::string_view prefix, CheckDepth depth,
                              std::vector<Finding>& findings);
[[nodiscard]] std::vector<std::string> scan_cluster(Cluster& cluster,
                                                    const std::shared_ptr<Clock>& clock,
                                                    std::string_view prefix,
                                                    std::string_view pattern);

}  // namespace leaselock::redis

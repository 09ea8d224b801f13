// Which servers there are, for people: what each says of itself and of the replicas that are
// attached to it. Connections of their own, which are closed again.
//
// Thread-safety: functions without state of their own.
#pragma once

#include <memory>
#include <vector>

#include <leaselock/clock.hpp>
#include <leaselock/finding.hpp>
#include <leaselock/store_nodes.hpp>

#include "redis/cluster.hpp"
#include "redis/connection_settings.hpp"

namespace leaselock::redis {

// Of one server, or of the master that Sentinels name, and of a Cluster. What does not answer, and
// what this user may not see, is said at the node. Block for a command time-out for each server at
// most. Throw LockError if nothing can be asked.
[[nodiscard]] StoreNodes server_nodes(const ConnectionSettings& settings,
                                      const std::shared_ptr<Clock>& clock,
                                      std::vector<Finding>& findings);
[[nodiscard]] StoreNodes cluster_nodes(Cluster& cluster, const std::shared_ptr<Clock>& clock,
                                       std::vector<Finding>& findings);

}  // namespace leaselock::redis

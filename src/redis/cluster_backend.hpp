// Locks in a Redis Cluster.
//
// Thread-safety: that of Backend.
#pragma once

#include <memory>

#include <leaselock/backend.hpp>

#include "redis/topology.hpp"

namespace leaselock::redis {

// Does no I/O.
[[nodiscard]] std::shared_ptr<Backend> make_cluster_backend(const ClusterSettings& settings,
                                                            std::shared_ptr<Clock> clock);

}  // namespace leaselock::redis

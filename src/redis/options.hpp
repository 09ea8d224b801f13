// From what a user says of a backend, by fields and by URL, to what the redis layer goes by.
//
// Thread-safety: a function without state.
#pragma once

#include <leaselock/redis.hpp>

#include "redis/connection_settings.hpp"
#include "redis/topology.hpp"

namespace leaselock::redis {

// Reads the files of TLS. Throws LockError: invalid_url, invalid_option.
[[nodiscard]] ConnectionSettings settings_of(const RedisOptions& options);
// Whether the URL is one of a Redis Cluster. Throws as settings_of().
[[nodiscard]] bool is_cluster(const RedisOptions& options);
// For such a URL.
[[nodiscard]] ClusterSettings cluster_settings_of(const RedisOptions& options);

}  // namespace leaselock::redis

// Goal: the backend for a Redis Cluster keeps the contract of a backend, as the least-privilege
// user, in plain and over TLS, and so does one whose grants the replica of a master must
// acknowledge. Method: the conformance suite, with a real cluster of six nodes that all cases
// share.
#include <memory>

#include <leaselock/testing/conformance.hpp>

#include "redis_cluster/cluster_fixture.hpp"

namespace leaselock::testing {
namespace {

LEASELOCK_CONFORMANCE_SUITE(ClusterConformance, [] { return std::make_unique<ClusterFixture>(); });
LEASELOCK_ASYNC_CONFORMANCE_SUITE(ClusterAsyncConformance,
                                  [] { return std::make_unique<ClusterFixture>(); });
LEASELOCK_ASYNC_CONFORMANCE_SUITE(ClusterTlsConformance,
                                  [] { return std::make_unique<ClusterFixture>(true); });
LEASELOCK_CONFORMANCE_SUITE(ClusterReplicatedConformance,
                            [] { return std::make_unique<ClusterFixture>(false, 1); });

}  // namespace
}  // namespace leaselock::testing

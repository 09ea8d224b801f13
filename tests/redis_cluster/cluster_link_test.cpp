// Goal: the backend for a Redis Cluster keeps the contract of a backend while no node of it
// answers. Method: the conformance suite for broken links; all nodes of the cluster are paused, so
// no other test runs meanwhile.
#include <memory>

#include <leaselock/testing/conformance.hpp>

#include "redis_cluster/cluster_fixture.hpp"

namespace leaselock::testing {
namespace {

LEASELOCK_LINK_CONFORMANCE_SUITE(ClusterLink, [] { return std::make_unique<ClusterFixture>(); });
LEASELOCK_ASYNC_LINK_CONFORMANCE_SUITE(ClusterAsyncLink,
                                       [] { return std::make_unique<ClusterFixture>(); });

}  // namespace
}  // namespace leaselock::testing

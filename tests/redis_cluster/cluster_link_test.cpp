// Goal: the backend for a Redis Cluster keeps the contract of a backend while no node of it
// answers. Method: the conformance suite for broken links; all nodes of the cluster are paused, so
// no other test runs meanwhile.
#include <memory>

#include <leaselock/testing/conformance.hpp>

#include "redis_cluster/cluster_fixture.hpp"

namespace leaselock::testing {
namespace {

std::unique_ptr<ClusterFixture> hasty_cluster() {
    auto fixture = std::make_unique<ClusterFixture>();
    fixture->be_hasty();
    return fixture;
}

LEASELOCK_LINK_CONFORMANCE_SUITE(ClusterLink, [] { return hasty_cluster(); });
LEASELOCK_ASYNC_LINK_CONFORMANCE_SUITE(ClusterAsyncLink, [] { return hasty_cluster(); });

}  // namespace
}  // namespace leaselock::testing

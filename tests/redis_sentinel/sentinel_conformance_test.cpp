// Goal: a backend that Sentinels lead to its master keeps the contract, as the least-privilege user
// of docs/guide/redis.md, and so does one whose grants both replicas must acknowledge. Method: the
// conformance suite, with one group of servers and Sentinels that all cases share.
#include <memory>

#include <leaselock/testing/conformance.hpp>

#include "redis_sentinel/sentinel_fixture.hpp"

namespace leaselock::testing {
namespace {

LEASELOCK_CONFORMANCE_SUITE(SentinelConformance,
                            [] { return std::make_unique<SentinelFixture>(); });
LEASELOCK_ASYNC_CONFORMANCE_SUITE(SentinelAsyncConformance,
                                  [] { return std::make_unique<SentinelFixture>(); });
LEASELOCK_CONFORMANCE_SUITE(SentinelReplicatedConformance,
                            [] { return std::make_unique<SentinelFixture>(2); });
LEASELOCK_ASYNC_CONFORMANCE_SUITE(SentinelReplicatedAsyncConformance,
                                  [] { return std::make_unique<SentinelFixture>(2); });

}  // namespace
}  // namespace leaselock::testing

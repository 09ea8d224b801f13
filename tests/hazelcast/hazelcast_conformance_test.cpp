// Goal: the Hazelcast backend keeps the contract of a backend, as far as it promises. Method: the
// conformance suite, with a real cluster of three members that all cases share.
#include <memory>

#include <leaselock/testing/conformance.hpp>

#include "hazelcast/hazelcast_fixture.hpp"

namespace leaselock::testing {
namespace {

LEASELOCK_CONFORMANCE_SUITE(HazelcastConformance,
                            [] { return std::make_unique<HazelcastFixture>(); });
LEASELOCK_ASYNC_CONFORMANCE_SUITE(HazelcastAsyncConformance,
                                  [] { return std::make_unique<HazelcastFixture>(); });

}  // namespace
}  // namespace leaselock::testing

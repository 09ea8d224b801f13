// Goal: MemoryBackend keeps the contract of a backend. Method: the conformance suite, on a clock
// that the tests move; by blocking calls and by coroutines. Its link cannot break: there is none.
#include <memory>

#include <leaselock/testing/conformance.hpp>

#include "conformance/memory_fixture.hpp"

namespace leaselock::testing {
namespace {

LEASELOCK_CONFORMANCE_SUITE(MemoryConformance, [] { return std::make_unique<MemoryFixture>(); });
LEASELOCK_QUEUE_CONFORMANCE_SUITE(MemoryQueueConformance,
                                  [] { return std::make_unique<MemoryFixture>(); });
LEASELOCK_SHARE_CONFORMANCE_SUITE(MemoryShare, [] { return std::make_unique<MemoryFixture>(); });
LEASELOCK_SHARE_QUEUE_CONFORMANCE_SUITE(MemoryShareQueue,
                                        [] { return std::make_unique<MemoryFixture>(); });
LEASELOCK_ASYNC_CONFORMANCE_SUITE(MemoryAsyncConformance,
                                  [] { return std::make_unique<MemoryFixture>(); });
LEASELOCK_ASYNC_QUEUE_CONFORMANCE_SUITE(MemoryAsyncQueueConformance,
                                        [] { return std::make_unique<MemoryFixture>(); });
LEASELOCK_ASYNC_SHARE_CONFORMANCE_SUITE(MemoryAsyncShare,
                                        [] { return std::make_unique<MemoryFixture>(); });
LEASELOCK_ASYNC_SHARE_QUEUE_CONFORMANCE_SUITE(MemoryAsyncShareQueue,
                                              [] { return std::make_unique<MemoryFixture>(); });

}  // namespace
}  // namespace leaselock::testing

// Goal: MemoryBackend keeps the contract of a backend, and its promises. Method: the conformance
// suite, on a clock that the tests move; by blocking calls and by coroutines. Its link cannot
// break: there is none.
#include <memory>

#include <leaselock/testing/conformance.hpp>

#include "conformance/memory_fixture.hpp"

namespace leaselock::testing {
namespace {

LEASELOCK_CONFORMANCE_SUITE(MemoryConformance, [] { return std::make_unique<MemoryFixture>(); });
LEASELOCK_ASYNC_CONFORMANCE_SUITE(MemoryAsyncConformance,
                                  [] { return std::make_unique<MemoryFixture>(); });

}  // namespace
}  // namespace leaselock::testing

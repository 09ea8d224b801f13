// Goal: the file backend keeps the contract of a backend, and its promises. Method: the conformance
// suite, on a clock that the tests move; by blocking calls and by coroutines. Its link cannot
// break: there is none.
#include <memory>

#include <leaselock/testing/conformance.hpp>

#include "conformance/file_fixture.hpp"

namespace leaselock::testing {
namespace {

LEASELOCK_CONFORMANCE_SUITE(FileConformance, [] { return std::make_unique<FileFixture>(); });
LEASELOCK_ASYNC_CONFORMANCE_SUITE(FileAsyncConformance,
                                  [] { return std::make_unique<FileFixture>(); });

}  // namespace
}  // namespace leaselock::testing

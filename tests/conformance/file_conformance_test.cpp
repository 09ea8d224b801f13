// Goal: the file backend keeps the contract of a backend. Method: the conformance suite, on a clock
// that the tests move; by blocking calls and by coroutines. Its link cannot break: there is none.
#include <memory>

#include <leaselock/testing/conformance.hpp>

#include "conformance/file_fixture.hpp"

namespace leaselock::testing {
namespace {

LEASELOCK_CONFORMANCE_SUITE(FileConformance, [] { return std::make_unique<FileFixture>(); });
LEASELOCK_QUEUE_CONFORMANCE_SUITE(FileQueueConformance,
                                  [] { return std::make_unique<FileFixture>(); });
LEASELOCK_SHARE_CONFORMANCE_SUITE(FileShare, [] { return std::make_unique<FileFixture>(); });
LEASELOCK_SHARE_QUEUE_CONFORMANCE_SUITE(FileShareQueue,
                                        [] { return std::make_unique<FileFixture>(); });
LEASELOCK_ASYNC_CONFORMANCE_SUITE(FileAsyncConformance,
                                  [] { return std::make_unique<FileFixture>(); });
LEASELOCK_ASYNC_QUEUE_CONFORMANCE_SUITE(FileAsyncQueueConformance,
                                        [] { return std::make_unique<FileFixture>(); });
LEASELOCK_ASYNC_SHARE_CONFORMANCE_SUITE(FileAsyncShare,
                                        [] { return std::make_unique<FileFixture>(); });
LEASELOCK_ASYNC_SHARE_QUEUE_CONFORMANCE_SUITE(FileAsyncShareQueue,
                                              [] { return std::make_unique<FileFixture>(); });

}  // namespace
}  // namespace leaselock::testing

// Goal: four functions that block are a backend: BlockingBackend around them keeps the contract.
// Method: the conformance suite on a map that knows nothing of leaselock's threads, on a clock that
// the tests move; by blocking calls and by coroutines.
#include <memory>

#include <leaselock/blocking_backend.hpp>
#include <leaselock/testing/conformance.hpp>
#include <leaselock/testing/manual_clock.hpp>

#include "conformance/in_process_fixture.hpp"
#include "support/map_store.hpp"

namespace leaselock::testing {
namespace {

class BlockingFixture final : public InProcessFixture {
  public:
    BlockingFixture()
        : InProcessFixture{[](const auto& clock) {
              return std::make_shared<BlockingBackend>(std::make_unique<support::MapStore>(clock));
          }} {}
};

LEASELOCK_CONFORMANCE_SUITE(BlockingConformance,
                            [] { return std::make_unique<BlockingFixture>(); });
LEASELOCK_ASYNC_CONFORMANCE_SUITE(BlockingAsyncConformance,
                                  [] { return std::make_unique<BlockingFixture>(); });

}  // namespace
}  // namespace leaselock::testing

// Goal: MemoryBackend does what a model of a few lines does, whatever comes. Method: 10'000 random
// operations over owners, keys and time, on a clock that the run moves.
#include <gtest/gtest.h>

#include "conformance/memory_fixture.hpp"
#include "conformance/reference_model.hpp"

namespace leaselock::testing {
namespace {

TEST(MemoryModel, RandomOperationsAgreeWithTheModel) {
    MemoryFixture fixture;
    RandomRun run{fixture, true};
    run.run(10'000);
    expect_all_outcomes_seen(run, 100);
}

}  // namespace
}  // namespace leaselock::testing

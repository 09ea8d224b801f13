// Goal: RedisBackend does what a model of a few lines does, whatever comes. Method: random
// operations over owners and keys on a real server. Its time is its own, so leases are either much
// longer than the run, or waited out before the next operation.
#include <gtest/gtest.h>

#include "conformance/redis_fixture.hpp"
#include "conformance/reference_model.hpp"

namespace leaselock::testing {
namespace {

class Fixture final : public RedisFixture {
    RedisOptions login() override { return {.url = server().url()}; }
};

TEST(RedisModel, RandomOperationsAgreeWithTheModel) {
    Fixture fixture;
    RandomRun run{fixture, false};
    run.run(2'000);
    expect_all_outcomes_seen(run, 20);
}

}  // namespace
}  // namespace leaselock::testing

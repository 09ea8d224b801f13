// Goal: no lease is overlooked while what its thread holds is listed, though that thread acquires
// others meanwhile. Method: the slots alone; while one lease is taken out of them its slot is
// filled again.
#include <chrono>
#include <gtest/gtest.h>
#include <memory>
#include <set>
#include <vector>

#include "core/core.hpp"
#include "core/own_holds.hpp"
#include "core/shard.hpp"

namespace leaselock::detail {
namespace {

using namespace std::chrono_literals;

// Taken before any other thread runs, so that this one is among the first, which have slots.
const std::size_t shard_of_this_thread = own_number();

LeasePtr lease_for_a_slot(const std::shared_ptr<Core>& core) {
    Failure failure;
    const LockOptions options;
    LeasePtr lease = Core::make_lease(core, "k", {}, options, failure);
    const Clock::time_point now = boot_clock()->now();
    lease->granted({1, 30s, now, now, true}, 30s, options);
    return lease;
}

TEST(SlotsOfAThread, AreEachTakenOnceWhileOneBeforeThemIsFilledAgain) {
    const auto core = std::make_shared<Core>(ManagerOptions{.owner = "t:1"});
    std::vector<LeasePtr> held;
    for (std::size_t i = 0; i < OwnHolds::most; ++i) held.push_back(lease_for_a_slot(core));
    const LeasePtr again = lease_for_a_slot(core);
    OwnHolds slots;
    for (const LeasePtr& each : held) ASSERT_TRUE(slots.add(*each));
    std::set<Lease*> taken;
    slots.take_all(shard_of_this_thread, [&](Lease& lease) {
        if (taken.insert(&lease).second && taken.size() == 1) {
            EXPECT_TRUE(slots.add(*again));
        }
    });
    for (const LeasePtr& each : held) EXPECT_EQ(taken.count(each.get()), 1U);
    EXPECT_EQ(again->hold.slot, 0U) << "the slot of the first one";
    EXPECT_TRUE(slots.take(*again)) << "it comes with the next ones";
}

}  // namespace
}  // namespace leaselock::detail

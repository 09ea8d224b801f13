// Goal: there is one leader at a time, with rising terms; whoever leads knows when that ends, and
// everybody can see who it is. Method: a memory backend on a clock that is moved by hand.
#include <atomic>
#include <future>
#include <gtest/gtest.h>
#include <optional>
#include <string>

#include <leaselock/testing/detail/granted.hpp>

#include "support/coroutines.hpp"
#include "support/poll_until.hpp"
#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::poll_until;

class Election : public ::testing::Test {
  protected:
    ManagerWorld world_{testing::ManualClock::Sleep::blocking};
    LeaderElection here_{world_.manager, "scheduler", {.ttl = 30s, .retry_delay = 1h}};
    LeaderElection there_{world_.other, "scheduler", {.ttl = 30s, .retry_delay = 1h}};
    std::error_code ec_;
};

TEST_F(Election, OneLeadsAndEverybodySeesWho) {
    EXPECT_FALSE(there_.leader().has_value());
    auto lead = here_.campaign();
    ASSERT_TRUE(lead.has_value());
    EXPECT_TRUE(lead->leads());
    EXPECT_GT(lead->term(), 0U);
    const auto leader = there_.leader();
    ASSERT_TRUE(leader.has_value());
    EXPECT_EQ(leader->owner, "tester:1");
    EXPECT_EQ(leader->term, lead->term());
    EXPECT_EQ(leader->remaining, 30s);
    EXPECT_EQ(lead->resign(), ReleaseResult::released);
    EXPECT_FALSE(lead->leads());
    EXPECT_THROW(lead->ensure(), LockLost);
    EXPECT_FALSE(there_.leader(ec_).has_value());
    EXPECT_EQ(ec_, std::error_code{});
}

TEST_F(Election, NextOneLeadsWithAHigherTerm) {
    auto first = here_.campaign();
    auto waiting = std::async(std::launch::async, [&] { return there_.campaign(); });
    world_.clock->wait_for_background();
    first->resign();
    ASSERT_EQ(waiting.wait_for(30s), std::future_status::ready);
    const auto second = waiting.get();
    ASSERT_TRUE(second.has_value());
    EXPECT_GT(second->term(), first->term());
}

TEST_F(Election, CampaignEndsByItsStopTokenOrItsTime) {
    const auto lead = here_.campaign();
    std::stop_source stop;
    auto waiting =
        std::async(std::launch::async, [&] { return there_.campaign(stop.get_token(), ec_); });
    world_.clock->wait_for_background();
    stop.request_stop();
    EXPECT_FALSE(granted(waiting.get()));
    EXPECT_EQ(ec_, Errc::cancelled);
    LeaderElection brief{world_.other, "scheduler", {.wait_timeout = 0ms}};
    EXPECT_FALSE(granted(brief.campaign({}, ec_)));
    EXPECT_EQ(ec_, Errc::wait_timed_out);
}

TEST_F(Election, LeaderThatDoesNotRenewIsFollowedAndKnowsIt) {
    LeaderElection silent{world_.manager, "scheduler", {.ttl = 30s, .renewal = Renewal::off}};
    auto first = silent.campaign();
    const std::stop_token ended = first->ended();
    auto waiting = std::async(std::launch::async, [&] { return there_.campaign(); });
    world_.clock->wait_for_background();
    world_.clock->advance(30s);
    EXPECT_FALSE(first->leads());
    EXPECT_TRUE(poll_until([&] { return ended.stop_requested(); }));
    while (waiting.wait_for(1ms) != std::future_status::ready) world_.clock->advance(10ms);
    EXPECT_GT(waiting.get().value().term(), first->term());
    EXPECT_EQ(first->resign(), ReleaseResult::lost);
}

TEST_F(Election, EndFiresBeforeOthersCanLead) {
    auto lead = here_.campaign();
    bool was_leader = false;
    const std::stop_callback on_end{lead->ended(),
                                    [&] { was_leader = there_.leader().has_value(); }};
    lead->resign();
    EXPECT_TRUE(was_leader);
    // By the destructor, and by an assignment, too.
    lead = here_.campaign();
    const std::stop_token by_assignment = lead->ended();
    *lead = Leadership{world_.manager.acquire("another").value()};
    EXPECT_TRUE(by_assignment.stop_requested());
    const std::stop_token by_destructor = lead->ended();
    lead.reset();
    EXPECT_TRUE(by_destructor.stop_requested());
}

TEST_F(Election, GuardMayGoInItsOwnCallback) {
    LeaderElection silent{world_.manager, "scheduler", {.ttl = 30s, .renewal = Renewal::off}};
    auto lead = silent.campaign();
    std::atomic<bool> gone = false;
    const std::stop_callback on_end{lead->ended(), [&] {
                                        lead.reset();
                                        gone = true;
                                    }};
    world_.clock->advance(30s);
    EXPECT_TRUE(poll_until([&] { return gone.load(); }));
}

support::Detached campaign(LeaderElection& election, std::atomic<std::uint64_t>& term) {
    if (auto lock = co_await election.async_campaign()) {
        const Leadership lead{std::move(*lock)};
        term = lead.term();
    }
}

TEST_F(Election, CoroutinesAndCallbacksCampaignWithoutAThread) {
    auto first = here_.campaign();
    const std::uint64_t first_term = first->term();
    std::atomic<std::uint64_t> by_coroutine = 0;
    std::atomic<std::uint64_t> by_callback = 0;
    campaign(there_, by_coroutine);
    there_.async_campaign({}, [&](std::optional<Leadership> lead, std::error_code why) {
        by_callback = lead ? lead->term() : static_cast<std::uint64_t>(why.value());
    });
    first->resign();
    ASSERT_TRUE(poll_until([&] { return by_callback > 0 && by_coroutine > 0; }));
    EXPECT_GT(by_coroutine, first_term);
    EXPECT_GT(by_callback, by_coroutine);
    // One that is stopped.
    const auto lead = here_.campaign();
    std::stop_source stop;
    std::atomic<int> code = 0;
    there_.async_campaign(stop.get_token(), [&](std::optional<Leadership>, std::error_code why) {
        code = why.value();
    });
    stop.request_stop();
    EXPECT_TRUE(poll_until([&] { return code == static_cast<int>(Errc::cancelled); }));
}

TEST_F(Election, BadInputShowsAtTheFirstCall) {
    LeaderElection nameless{world_.manager, ""};
    EXPECT_THROW((void)nameless.campaign(), LockError);
    EXPECT_FALSE(nameless.leader(ec_).has_value());
    EXPECT_EQ(ec_, Errc::invalid_key);
    EXPECT_EQ(world_.backend->count(), 0U);
}

// A former leader whose min_hold is not over does not lead any more.
TEST_F(Election, NobodyLeadsWhileTheKeyIsKept) {
    LeaderElection keeping{world_.manager, "scheduler", {.min_hold = 1min}};
    keeping.campaign().value().resign();
    EXPECT_FALSE(there_.leader().has_value());
}

}  // namespace
}  // namespace leaselock

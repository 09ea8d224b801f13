// Goal: a leader that is killed or stopped is followed by another with a higher term, within its
// ttl and a poll, and one that was paused knows before its first act. Method: a process beside the
// test, and a real redis-server.
#include <filesystem>
#include <fstream>
#include <string>

#include <leaselock/leader_election.hpp>

#include "fault/holder_fixture.hpp"
#include "support/child_process.hpp"

namespace leaselock {
namespace {

using namespace support;

class ElectionProcess : public ::testing::Test {
  protected:
    void start_leader() {
        leader_.emplace(std::vector<std::string>{LEASELOCK_ELECTION_WORKER, server_.url(),
                                                 directory_.path().string(),
                                                 std::to_string(ttl.count())});
        ASSERT_TRUE(poll_until([&] { return std::filesystem::exists(directory_.file("leads")); }));
        std::ifstream{directory_.file("leads")} >> term_;
        ASSERT_GT(term_, 0U);
        ASSERT_EQ(election_.leader().value_or(Leader{}).term, term_);
    }
    // Leads here, and holds that to the bound: the ttl, and a poll, which comes then, or a second
    // later at most where its message or its answer is lost. Ten times that, for a slow machine.
    [[nodiscard]] std::optional<Leadership> follow() {
        const auto begin = boot_clock()->now();
        auto lead = election_.campaign({}, ec_);
        EXPECT_TRUE(lead.has_value()) << ec_.message();
        const auto took = boot_clock()->now() - begin;
        EXPECT_LT(took, 10 * (ttl + 1s));
        RecordProperty("ms", static_cast<int>(took / 1ms));
        return lead;
    }

    static constexpr milliseconds ttl = 1s;
    RedisServer server_;
    TempDir directory_;
    std::optional<ChildProcess> leader_;
    std::uint64_t term_ = 0;
    std::shared_ptr<Told> told_ = std::make_shared<Told>();
    LockManager locks_ = told_manager(told_, backend_on(server_.url()));
    LeaderElection election_{locks_, "scheduler", {.ttl = ttl}};
    std::error_code ec_;
};

TEST_F(ElectionProcess, LeaderThatIsKilledIsFollowed) {
    ASSERT_NO_FATAL_FAILURE(start_leader());
    leader_->kill9();
    const auto lead = follow();
    ASSERT_TRUE(lead.has_value());
    EXPECT_GT(lead->term(), term_);
    EXPECT_EQ(election_.leader().value_or(Leader{}).owner, "me");
}

TEST_F(ElectionProcess, LeaderThatIsStoppedIsFollowedAndKnowsBeforeItsFirstAct) {
    ASSERT_NO_FATAL_FAILURE(start_leader());
    leader_->pause();
    const auto lead = follow();
    ASSERT_TRUE(lead.has_value());
    EXPECT_GT(lead->term(), term_);
    // It goes on, and the first thing that it does is its act.
    const std::ofstream act{directory_.file("act")};
    leader_->resume();
    EXPECT_EQ(leader_->wait(30s), 0);
    EXPECT_TRUE(lead->leads()) << "and its end does not hurt the new leader";
    EXPECT_EQ(election_.leader().value_or(Leader{}).term, lead->term());
}

// That the worker does act while it leads, or the former would show nothing.
TEST_F(ElectionProcess, LeaderThatLeadsActs) {
    ASSERT_NO_FATAL_FAILURE(start_leader());
    const std::ofstream act{directory_.file("act")};
    EXPECT_EQ(leader_->wait(30s), 3);
}

}  // namespace
}  // namespace leaselock

// Goal: readers and writers of several processes never meet, and never more permits are held than
// there are, though processes are killed and stopped; each that lives gets its turn, and the dead
// hold up none beyond their leases. Method: processes beside the test, a real redis-server, and
// the checker over the history of what all holders asserted.
#include <algorithm>
#include <csignal>
#include <deque>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

#include "fault/fault_fixture.hpp"
#include "support/child_process.hpp"
#include "support/history_check.hpp"
#include "support/leaks.hpp"
#include "support/temp_dir.hpp"

namespace leaselock {
namespace {

using namespace support;

class ShareProcesses : public ::testing::Test {
  protected:
    using Words = std::vector<std::string>;

    ChildProcess& start(int in_threads, int times, const Words& shares) {
        Words words{LEASELOCK_SHARE_WORKER, server_.url(), directory_.file("history"),
                    std::to_string(in_threads), std::to_string(times)};
        words.insert(words.end(), shares.begin(), shares.end());
        return processes_.emplace_back(words);
    }
    [[nodiscard]] std::vector<Holding> holdings() const {
        return History{directory_.file("history")}.read();
    }
    [[nodiscard]] bool have_held(std::size_t count) const {
        return poll_until([&] { return holdings().size() >= count; }, long_timeout);
    }
    // All that were not killed have had all their turns; nothing is left.
    void expect_all_is_well() {
        for (ChildProcess& each : processes_) {
            const auto status = each.wait(50s);
            EXPECT_TRUE(status == 0 || status == 128 + SIGKILL)
                << status.value_or(-1) << ", see share_worker.cpp";
        }
        EXPECT_EQ(check(holdings()).text(), "");
        EXPECT_TRUE(poll_until([&] { return server_.cli("EXISTS", "p:key") == "0"; }))
            << "the leases of the dead have ended";
        EXPECT_EQ(keys_without_ttl(server_), Words{});
    }
    // Whether some held while others did, or the test would show little.
    [[nodiscard]] bool have_held_together() const {
        const auto all = holdings();
        return std::any_of(all.begin(), all.end(), [&](const Holding& a) {
            return a.last_yes && std::any_of(all.begin(), all.end(), [&](const Holding& b) {
                       return b.last_yes && a.holder != b.holder && a.answered <= b.answered &&
                              b.answered < *a.last_yes;
                   });
        });
    }

    RedisServer server_;
    TempDir directory_;
    std::deque<ChildProcess> processes_;
};

TEST_F(ShareProcesses, ReadersAndWritersNeverMeet) {
    for (int i = 0; i < 3; ++i) start(4, 25, {"1/r", "1/r", "1/0"});
    expect_all_is_well();
    EXPECT_EQ(holdings().size(), 300U);
    EXPECT_TRUE(have_held_together());
}

TEST_F(ShareProcesses, NeverMorePermitsAreHeldThanThereAre) {
    for (int i = 0; i < 3; ++i) start(4, 25, {"1/3", "2/3", "1/3", "3/3"});
    expect_all_is_well();
    EXPECT_EQ(holdings().size(), 300U);
    EXPECT_TRUE(have_held_together());
}

TEST_F(ShareProcesses, KilledAndStoppedReadersHoldUpNobodyBeyondTheirLeases) {
    start(2, 300, {"1/r", "1/0"});
    ChildProcess& killed = start(4, 100'000, {"1/r"});
    ChildProcess& stopped = start(4, 60, {"1/r", "1/r", "1/0"});
    ASSERT_TRUE(have_held(60));
    killed.kill9();
    stopped.pause();
    const std::size_t then = holdings().size();
    ASSERT_TRUE(have_held(then + 40)) << "the others go on behind the leases of those two";
    stopped.resume();
    expect_all_is_well();
}

TEST_F(ShareProcesses, PermitsOfTheKilledAndTheStoppedComeBack) {
    start(2, 300, {"3/3", "1/3"});
    ChildProcess& killed = start(4, 100'000, {"1/3", "2/3"});
    ChildProcess& stopped = start(4, 60, {"2/3", "1/3"});
    ASSERT_TRUE(have_held(60));
    killed.kill9();
    stopped.pause();
    const std::size_t then = holdings().size();
    ASSERT_TRUE(have_held(then + 40)) << "all three permits are had again";
    stopped.resume();
    expect_all_is_well();
}

}  // namespace
}  // namespace leaselock

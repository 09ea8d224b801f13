// Goal: whatever becomes of the processes that wait for a lock, of the one that holds it, or of
// what Redis knows of them, everybody who still lives is served once, in order, and in the time
// that is promised (ten times that is allowed), and nothing is left behind. Method: processes
// beside the test that write down when they are served, and a real redis-server. The numbers are
// those of the fault matrix.
#include <map>
#include <string>

#include "fault/queue_fixture.hpp"
#include "support/counter_key.hpp"

namespace leaselock {
namespace {

using namespace support;

TEST_F(QueueProcesses, Row57WaiterThatWasKilledAtTheHeadIsPassedByTheRelease) {
    hold();
    ChildProcess& head = start_waiters("a");
    start_waiters("b");
    start_waiters("c");
    head.kill9();
    ASSERT_TRUE(all_listen(2)) << "the server has seen that it is gone";
    release();
    ASSERT_TRUE(are_served(2, poll_bound));
    EXPECT_EQ(served(), (Names{"b.0", "c.0"}));
    expect_no_grant_ended();
    expect_all_is_well();
}

TEST_F(QueueProcesses, Row57WaiterThatWasKilledKeepsTheHeadNoLongerThanItsEntryLives) {
    hold();
    ChildProcess& head = start_waiters("a");
    start_waiters("b");
    start_waiters("c");
    head.kill9();
    server_.cli("DEL", lock_key);
    ASSERT_TRUE(are_served(2, dead_entry_bound));
    EXPECT_EQ(served(), (Names{"b.0", "c.0"}));
    expect_all_is_well();
}

// Stopped first, so that the grant goes to it for certain.
TEST_F(QueueProcesses, Row57WaiterThatWasKilledAfterItsGrantHasTheShortGrantAlone) {
    hold();
    ChildProcess& head = start_waiters("a");
    start_waiters("b");
    head.pause();
    release();
    EXPECT_LE(std::stoll(server_.cli("PTTL", lock_key)), 3000) << "it is its own";
    EXPECT_TRUE(served().empty());
    head.kill9();
    ASSERT_TRUE(are_served(1, dead_grant_bound));
    EXPECT_EQ(served(), Names{"b.0"});
    expect_all_is_well();
}

TEST_F(QueueProcesses, Row57WaiterThatWasStoppedAtItsGrantDoesNotBelieveItLater) {
    hold();
    ChildProcess& head = start_waiters("a");
    start_waiters("b");
    head.pause();
    release();
    const std::string granted = server_.cli("GET", counter_key("p:", "key"));
    ASSERT_NE(granted, std::to_string(holder_->fencing_token())) << "it was handed over to it";
    ASSERT_TRUE(are_served(1, dead_grant_bound));
    EXPECT_EQ(served(), Names{"b.0"});
    std::optional<ScopedDistributedLock> third;
    ASSERT_TRUE(poll_until([&] {
        third = locks_.try_acquire("key");
        return third.has_value();
    }));
    head.resume();
    EXPECT_FALSE(poll_until([&] { return served().size() > 1; }, short_timeout))
        << "the lock is another one's";
    EXPECT_TRUE(third->owns_lock());
    EXPECT_EQ(third->release(ec_), ReleaseResult::released) << ec_.message();
    ASSERT_TRUE(are_served(2, poll_bound));
    EXPECT_EQ(served(), (Names{"b.0", "a.0"}));
    const auto all = History{directory_.file("history")}.read();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_GT(all.back().fence, third->fencing_token()) << "a later grant than the one it missed";
    expect_all_is_well();
    expect_no_entries();
}

TEST_F(QueueProcesses, Row56ThousandWaitersOfFourProcessesAreServedOnceEachInTheirOrder) {
    constexpr int waiters = 250;
    hold();
    const Names names{"a", "b", "c", "d"};
    for (const std::string& name : names) start_waiters(name, waiters);
    EXPECT_EQ(entries(), 4) << "one of each process";
    const auto commands = [&] { return calls_of(server_, "evalsha") + calls_of(server_, "eval"); };
    const std::int64_t before = commands();
    const auto begin = boot_clock()->now();
    release();
    ASSERT_TRUE(are_served(names.size() * waiters, 50s));
    const std::int64_t polls = 4 * ((boot_clock()->now() - begin) / 75ms + 1);
    expect_all_is_well();
    expect_no_entries();
    // Two a section, and those that time brings: a herd would send a thousand.
    EXPECT_LE(commands() - before, std::int64_t{4} * waiters * 2 + polls);
    expect_no_grant_ended();
    std::map<char, int> next;
    for (const std::string& name : served()) {
        EXPECT_EQ(name.substr(2), std::to_string(next[name.front()]++)) << "of " << name.front();
    }
    EXPECT_EQ(next.size(), names.size());
}

}  // namespace
}  // namespace leaselock

// Goal: the store counts each update that was lost, and one that checks fences loses none, whatever
// its holders do. Method: holders in the orders that hurt; then threads and a process without any
// lock.
#include "support/fenced_store.hpp"

#include <gtest/gtest.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <leaselock/leaselock.hpp>

#include "support/temp_dir.hpp"

namespace leaselock::support {
namespace {

using namespace std::chrono_literals;

class FencedStoreTest : public ::testing::TestWithParam<FenceCheck> {
  protected:
    [[nodiscard]] bool is_checked() const { return GetParam() == FenceCheck::on; }

    void expect_count(std::uint64_t admitted, std::uint64_t lost, std::uint64_t refused) {
        const FencedStore::Count count = store_.count();
        EXPECT_EQ(count.admitted, admitted);
        EXPECT_EQ(count.lost, lost);
        EXPECT_EQ(count.refused, refused);
    }

    TempDir directory_;
    std::string path_ = directory_.file("store");
    FencedStore store_{path_, GetParam()};
};

TEST_P(FencedStoreTest, HoldersOneAfterAnotherLoseNothing) {
    for (std::uint64_t fence = 1; fence <= 5; ++fence) {
        const auto seen = store_.read(fence);
        ASSERT_TRUE(seen);
        EXPECT_TRUE(store_.write(*seen, fence));
        EXPECT_TRUE(store_.write(*store_.read(fence), fence)) << "the same holder again";
    }
    expect_count(10, 0, 0);
}

TEST_P(FencedStoreTest, LateWriteOfAnOldHolderUndoesTheYoungOnesUnlessItIsFenced) {
    const auto old = store_.read(1);
    EXPECT_TRUE(store_.write(*store_.read(2), 2));
    EXPECT_TRUE(store_.write(*store_.read(2), 2));
    EXPECT_EQ(store_.write(*old, 1), !is_checked());
    is_checked() ? expect_count(2, 0, 1) : expect_count(3, 2, 0);
}

// The old holder writes between the young one's read and write: that has to be refused, too.
TEST_P(FencedStoreTest, WriteBehindTheReadOfAYoungHolderIsLostUnlessItIsFenced) {
    const auto old = store_.read(1);
    const auto young = store_.read(2);
    EXPECT_EQ(store_.write(*old, 1), !is_checked());
    EXPECT_TRUE(store_.write(*young, 2));
    is_checked() ? expect_count(1, 0, 1) : expect_count(2, 1, 0);
}

TEST_P(FencedStoreTest, OldHolderCannotEvenReadAndNoFenceIsNone) {
    EXPECT_EQ(store_.read(0).has_value(), !is_checked());
    EXPECT_TRUE(store_.read(2));
    EXPECT_EQ(store_.read(1).has_value(), !is_checked());
    expect_count(0, 0, is_checked() ? 2 : 0);
}

TEST_P(FencedStoreTest, IsOneStoreForAllThatOpenTheFile) {
    FencedStore other{path_, GetParam()};
    EXPECT_TRUE(other.write(*other.read(1), 1));
    const auto seen = store_.read(2);
    EXPECT_EQ(store_.count().admitted, 1U);
    EXPECT_TRUE(store_.write(*seen, 2));
    EXPECT_EQ(other.count().admitted, 2U);
    EXPECT_EQ(other.count().lost, 0U);
}

// Two processes with two threads each, whose fences rise but whom no lock keeps apart.
TEST_P(FencedStoreTest, ThreadsAndProcessesWithoutALockLoseNothingIfTheyAreFenced) {
    constexpr std::uint64_t entries = 2000;
    const auto add_all = [&](std::uint64_t first) {
        FencedStore own{path_, GetParam()};
        for (std::uint64_t n = 0; n < entries; ++n) {
            const std::uint64_t fence = first + 4 * n;
            const auto seen = own.read(fence);
            std::this_thread::yield();
            if (seen) static_cast<void>(own.write(*seen, fence));
        }
    };
    const pid_t child = ::fork();
    if (child == 0) {
        add_all(1);
        ::_exit(0);
    }
    {
        std::vector<std::jthread> threads;
        for (std::uint64_t first = 2; first <= 4; ++first) threads.emplace_back(add_all, first);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
    const FencedStore::Count count = store_.count();
    EXPECT_GT(count.admitted, 0U);
    if (is_checked()) {
        EXPECT_EQ(count.lost, 0U);
    } else {
        EXPECT_EQ(count.admitted, 4 * entries);
    }
}

TEST_P(FencedStoreTest, HoldersUnderALockLoseNothing) {
    constexpr std::uint64_t entries = 100;
    LockManager locks;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&] {
                for (std::uint64_t n = 0; n < entries; ++n) {
                    const ScopedDistributedLock lock{
                        locks, "store", {.wait_timeout = forever, .retry_delay = 1ms}};
                    const auto seen = store_.read(lock.fencing_token());
                    ASSERT_TRUE(seen);
                    EXPECT_TRUE(store_.write(*seen, lock.fencing_token()));
                }
            });
        }
    }
    expect_count(4 * entries, 0, 0);
}

INSTANTIATE_TEST_SUITE_P(Support, FencedStoreTest,
                         ::testing::Values(FenceCheck::on, FenceCheck::off),
                         [](const auto& tested) {
                             return tested.param == FenceCheck::on ? "Checked" : "Ignored";
                         });

}  // namespace
}  // namespace leaselock::support

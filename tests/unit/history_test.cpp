// Goal: a history has all that threads and processes wrote, and nothing that was not; what it says
// of managers that exclude each other is right, and of those that do not it is not. Method: writers
// of every kind on one file; holders of one memory backend and of two.
#include <fstream>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <leaselock/leaselock.hpp>
#include <leaselock/memory_backend.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "support/history_check.hpp"
#include "support/temp_dir.hpp"

namespace leaselock::support {
namespace {

using namespace std::chrono_literals;

class HistoryTest : public ::testing::Test {
  protected:
    static Clock::time_point at(int ms) { return Clock::time_point{std::chrono::milliseconds{ms}}; }

    TempDir directory_;
    std::string path_ = directory_.file("history");
    History history_{path_};
};

TEST_F(HistoryTest, GivesBackWhatWasWritten) {
    const std::string first = history_.granted("a key \"with\" all", 7, at(1), at(2));
    const std::string second = history_.granted("other .", 8, at(3), at(4));
    history_.said_yes(first, at(6));
    history_.said_yes(first, at(5));
    const std::vector<Holding> read = history_.read();
    ASSERT_EQ(read.size(), 2U);
    EXPECT_EQ(read[0].key, "a key \"with\" all");
    EXPECT_EQ(read[0].holder, first);
    EXPECT_EQ(read[0].fence, 7U);
    EXPECT_EQ(read[0].asked, at(1));
    EXPECT_EQ(read[0].answered, at(2));
    EXPECT_EQ(read[0].last_yes, at(6));
    EXPECT_EQ(read[1].key, "other .");
    EXPECT_EQ(read[1].holder, second);
    EXPECT_EQ(read[1].last_yes, std::nullopt);
    EXPECT_NE(first, second);
}

TEST_F(HistoryTest, LosesNothingOfManyThreadsAndProcesses) {
    constexpr std::uint64_t writers = 4;
    constexpr std::uint64_t events = 500;
    const auto write_all = [&](std::uint64_t first) {
        History own{path_};
        for (std::uint64_t n = 0; n < events; ++n) {
            own.said_yes(own.granted("key", first + n, at(1), at(2)), at(3));
        }
    };
    const pid_t child = ::fork();
    if (child == 0) {
        write_all(1);
        ::_exit(0);
    }
    {
        std::vector<std::jthread> threads;
        for (std::uint64_t i = 1; i < writers; ++i) threads.emplace_back(write_all, 1 + i * events);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);

    std::set<std::string> holders;
    std::set<std::uint64_t> fences;
    for (const Holding& each : history_.read()) {
        holders.insert(each.holder);
        fences.insert(each.fence);
        EXPECT_EQ(each.last_yes, at(3));
    }
    EXPECT_EQ(holders.size(), writers * events);
    EXPECT_EQ(fences.size(), writers * events);
}

TEST_F(HistoryTest, EventThatWasCutOffHurtsNoOther) {
    history_.granted("key", 1, at(1), at(2));
    std::ofstream{path_, std::ios::app} << "\ngranted 1:1 \"key\" 2 1000";
    history_.granted("key", 3, at(3), at(4));
    const std::vector<Holding> read = history_.read();
    ASSERT_EQ(read.size(), 2U);
    EXPECT_EQ(read[1].fence, 3U);
}

TEST_F(HistoryTest, FileThatIsNoHistoryIsRefused) {
    for (const char* bad : {"hello .", "yes 1:1 5 .", "granted 1:1 \"key\" x 1 2 ."}) {
        std::ofstream{path_} << '\n' << bad << '\n';
        EXPECT_THROW(static_cast<void>(history_.read()), std::runtime_error) << bad;
    }
    EXPECT_THROW(History{directory_.file("none/there")}, std::system_error);
}

TEST_F(HistoryTest, LockIsNotedWithEachYesAndWithoutTheNo) {
    LockManager locks;
    std::error_code ec;
    const auto before = boot_clock()->now();
    auto lock = RecordedLock::acquire(history_, locks, "key", {.ttl = 10s}, ec);
    ASSERT_TRUE(lock) << ec.message();
    EXPECT_FALSE(granted(RecordedLock::acquire(history_, locks, "key", {}, ec)));
    const auto after = boot_clock()->now();
    EXPECT_TRUE(lock->owns_lock());
    const auto first_yes = history_.read().at(0).last_yes;
    lock->ensure(ec);
    EXPECT_FALSE(ec) << ec.message();
    const auto second_yes = history_.read().at(0).last_yes;
    lock->lock().release();
    EXPECT_FALSE(lock->owns_lock());
    lock->ensure(ec);
    EXPECT_EQ(ec, Errc::lost);

    const std::vector<Holding> read = history_.read();
    ASSERT_EQ(read.size(), 1U);
    EXPECT_EQ(read[0].key, "key");
    EXPECT_EQ(read[0].fence, lock->lock().fencing_token());
    EXPECT_LE(before, read[0].asked);
    EXPECT_LE(read[0].asked, read[0].answered);
    EXPECT_LE(read[0].answered, after);
    EXPECT_LE(after, first_yes);
    EXPECT_LT(first_yes, second_yes);
    EXPECT_EQ(read[0].last_yes, second_yes);
}

// A holder of each backend at the same time: nothing keeps two backends from granting one key each.
TEST_F(HistoryTest, HoldersThatNothingKeepsApartAreFound) {
    LockManager one;
    LockManager other;
    std::error_code ec;
    auto first = RecordedLock::acquire(history_, one, "key", {}, ec);
    auto second = RecordedLock::acquire(history_, other, "key", {}, ec);
    ASSERT_TRUE(first && second);
    EXPECT_TRUE(second->owns_lock());
    EXPECT_EQ(check(history_.read()).text(), "") << "so far the first may have given up";
    EXPECT_TRUE(first->owns_lock());
    EXPECT_EQ(check(history_.read()).overlaps.size(), 1U);
}

TEST_F(HistoryTest, HoldersOfOneBackendAreFoundToExcludeEachOther) {
    constexpr int entries = 50;
    const auto backend = std::make_shared<MemoryBackend>();
    const auto enter_often = [&] {
        LockManager locks;
        locks.register_backend("shared", backend);
        for (int i = 0; i < entries; ++i) {
            std::error_code ec;
            auto lock = RecordedLock::acquire(
                history_, locks, "key",
                {.wait_timeout = forever, .retry_delay = 1ms, .backend = "shared"}, ec);
            ASSERT_TRUE(lock) << ec.message();
            std::this_thread::yield();
            EXPECT_TRUE(lock->owns_lock());
        }
    };
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) threads.emplace_back(enter_often);
    }
    const std::vector<Holding> read = history_.read();
    EXPECT_EQ(read.size(), 4 * std::size_t{entries});
    EXPECT_EQ(check(read).text(), "");
}

}  // namespace
}  // namespace leaselock::support

// Goal: what the file backend promises beyond the contract of a backend: the end of a holder's
// process frees its lock and wakes who waits for it, and nobody hangs because another process
// stands still. Method: backends with a clock that stands still unless the test moves it.
#include <filesystem>
#include <fstream>
#include <future>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/detail/blocking_call.hpp>
#include <leaselock/file.hpp>
#include <leaselock/leaselock.hpp>
#include <leaselock/testing/manual_clock.hpp>

#include "file/directory.hpp"
#include "file/liveness.hpp"
#include "file/lock_file.hpp"
#include "file/names.hpp"
#include "file/record.hpp"
#include "support/file_intruder.hpp"
#include "support/poll_until.hpp"
#include "unit/file_world.hpp"

namespace leaselock {
namespace {

using support::poll_until;

class Deaf final : public Listener {
  public:
    using Listener::Listener;
    Deaf(const Deaf&) = delete;
    Deaf& operator=(const Deaf&) = delete;
    virtual ~Deaf() = default;

    WakeUp handed_over(const HandOff& /*what*/) noexcept override { return {}; }
    WakeUp poll() noexcept override { return {}; }
};

class FileBackends : public FileWorld {
  protected:
    // Whether somebody has seen that the holder is dead, and written it down.
    [[nodiscard]] bool is_removed() const {
        const file::Directory directory{home_.path().string()};
        file::LockFile lock{directory, "key", file::LockFile::Access::exists};
        return lock.enter() &&
               file::decode(lock.load().bytes).entry.expires <= clock_->now() + file::last_breath;
    }
};

// A backend that goes has its files closed, as the kernel does for a process.
TEST_F(FileBackends, EndOfAHolderEndsItsLease) {
    auto dead = make();
    const auto other = make();
    const Reply first = run(*dead, Verb::acquire, "a/1");
    dead.reset();
    const Reply held = run(*other, Verb::acquire, "b/1");
    ASSERT_EQ(held.outcome, Outcome::held);
    EXPECT_EQ(held.holder, "a/1");
    EXPECT_EQ(held.remaining, 100ms) << "for what ends with it";
    clock_->advance(99ms);
    EXPECT_EQ(run(*other, Verb::acquire, "b/1").remaining, 1ms) << "from its first sight on";
    clock_->advance(1ms);
    const Reply second = run(*other, Verb::acquire, "b/1");
    ASSERT_EQ(second.outcome, Outcome::granted);
    EXPECT_GT(second.fencing_token, first.fencing_token);
}

TEST_F(FileBackends, NobodyTakesTheLockOfOneThatLives) {
    const auto holder = make();
    const auto other = make();
    ASSERT_EQ(run(*holder, Verb::acquire, "a/1").outcome, Outcome::granted);
    (void)other->list("", "*");
    EXPECT_EQ(run(*other, Verb::acquire, "b/1").outcome, Outcome::held);
    clock_->advance(1min);
    EXPECT_EQ(run(*other, Verb::acquire, "b/1").outcome, Outcome::held);
    EXPECT_EQ(run(*holder, Verb::renew, "a/1").outcome, Outcome::renewed);
}

TEST_F(FileBackends, EndOfAReaderLeavesTheOthers) {
    auto dead = make();
    const auto other = make();
    ASSERT_EQ(run(*dead, Verb::acquire, "a/1", shared).outcome, Outcome::granted);
    ASSERT_EQ(run(*other, Verb::acquire, "b/1", shared).outcome, Outcome::granted);
    dead.reset();
    EXPECT_EQ(run(*other, Verb::acquire, "c/1").outcome, Outcome::held);
    clock_->advance(100ms);
    EXPECT_EQ(run(*other, Verb::inspect, "").shares, 1);
    EXPECT_EQ(run(*other, Verb::renew, "b/1", shared).outcome, Outcome::renewed);
}

TEST_F(FileBackends, KeptLockAndCountedLatchOutliveTheirProcess) {
    auto dead = make();
    const auto other = make();
    ASSERT_EQ(run(*dead, Verb::acquire, "a/1").outcome, Outcome::granted);
    Operation release{{.verb = Verb::release,
                       .key = "key",
                       .token = "a/1",
                       .keep = 1min,
                       .submitted = clock_->now()}};
    release.submitter = Submitter::passes_by;
    dead->submit(release);
    ASSERT_EQ(run(*dead, Verb::acquire, "a/2", Claim::count_down(2), "latch").outcome,
              Outcome::granted);
    dead.reset();
    clock_->advance(1s);
    EXPECT_TRUE(run(*other, Verb::acquire, "b/1").kept);
    EXPECT_EQ(run(*other, Verb::acquire, "b/2", Claim::count_down(2), "latch").outcome,
              Outcome::granted);
    EXPECT_EQ(run(*other, Verb::acquire, "b/3", Claim::await(2), "latch").outcome,
              Outcome::granted);
}

// The clock does not move: nobody would poll again.
TEST_F(FileBackends, WaiterIsToldOfARelease) {
    LockManager holder = make_manager();
    LockManager waiter = make_manager();
    auto lock = holder.acquire("key", {.ttl = 10min});
    auto second = wait_for_key(waiter);
    ASSERT_TRUE(poll_until([&] { return holder.inspect("key").waiting == 1; }));
    ASSERT_EQ(lock->release(), ReleaseResult::released);
    EXPECT_TRUE(second.get());
}

TEST_F(FileBackends, WaiterIsToldOfAHoldersEnd) {
    auto dead = make();
    ASSERT_EQ(run(*dead, Verb::acquire, "a/1").outcome, Outcome::granted);
    LockManager waiter = make_manager();
    auto second = wait_for_key(waiter);
    ASSERT_TRUE(poll_until([&] { return waiter.inspect("key").waiting == 1; }));
    dead.reset();
    ASSERT_TRUE(poll_until([&] { return is_removed(); })) << "it polled";
    clock_->advance(100ms);
    EXPECT_TRUE(second.get());
}

TEST_F(FileBackends, SecondInLineIsToldIfTheFirstEndsWithTheHolder) {
    auto dead = make();
    ASSERT_EQ(run(*dead, Verb::acquire, "a/1").outcome, Outcome::granted);
    Deaf deaf{"key", "a/2"};
    Request waits = request(Verb::acquire, "a/2");
    waits.listener = &deaf;
    waits.entry_life = 10min;
    Operation first{waits};
    first.submitter = Submitter::passes_by;
    dead->submit(first);
    ASSERT_TRUE(first.reply.queued && first.reply.first && first.reply.told);
    LockManager waiter = make_manager();
    auto second = wait_for_key(waiter);
    ASSERT_TRUE(poll_until([&] { return waiter.inspect("key").waiting == 2; }));
    dead->forget(deaf);
    dead.reset();
    ASSERT_TRUE(poll_until([&] { return is_removed(); })) << "it polled";
    clock_->advance(100ms);
    EXPECT_TRUE(second.get());
}

TEST_F(FileBackends, ProcessThatStandsStillInsideHangsNobody) {
    const auto backend = make();
    ASSERT_EQ(run(*backend, Verb::acquire, "a/1").outcome, Outcome::granted);
    Operation renew{request(Verb::renew, "a/1")};
    detail::BlockingCall call{renew};
    {
        const support::FileIntruder intruder{home_.file("key")};
        backend->submit(renew);
        EXPECT_FALSE(renew.done());
        call.finish(*backend, *clock_);
        EXPECT_EQ(renew.reply.outcome, Outcome::failed);
        EXPECT_EQ(renew.reply.error, Errc::busy);
    }
    EXPECT_EQ(run(*backend, Verb::renew, "a/1").outcome, Outcome::renewed);
}

TEST_F(FileBackends, WhoGetsInLaterIsServed) {
    const auto backend = make();
    ASSERT_EQ(run(*backend, Verb::acquire, "a/1").outcome, Outcome::granted);
    Operation renew{request(Verb::renew, "a/1")};
    detail::BlockingCall call{renew};
    {
        const support::FileIntruder intruder{home_.file("key")};
        backend->submit(renew);
        EXPECT_FALSE(renew.done());
    }
    call.finish(*backend, *clock_);
    EXPECT_EQ(renew.reply.outcome, Outcome::renewed);
}

TEST_F(FileBackends, ProcessThatStandsStillInsideHoldsUpNoOtherKey) {
    const auto backend = make();
    ASSERT_EQ(run(*backend, Verb::acquire, "a/1").outcome, Outcome::granted);
    Operation renew{request(Verb::renew, "a/1")};
    detail::BlockingCall call{renew};
    std::optional<support::FileIntruder> intruder{home_.file("key")};
    backend->submit(renew);
    std::thread waits{[&] { call.finish(*backend, *clock_); }};
    for (int i = 0; i < 16; ++i) {
        const std::string other = "other " + std::to_string(i);
        EXPECT_EQ(run(*backend, Verb::acquire, "a/2", {}, other).outcome, Outcome::granted);
    }
    intruder.reset();
    waits.join();
    EXPECT_EQ(renew.reply.outcome, Outcome::renewed) << "none of them took the second of patience";
}

TEST_F(FileBackends, RemovedDirectoryIsALossAndIsMadeAgain) {
    const auto backend = make();
    ASSERT_EQ(run(*backend, Verb::acquire, "a/1").outcome, Outcome::granted);
    std::filesystem::remove_all(home_.path());
    EXPECT_EQ(run(*backend, Verb::renew, "a/1").outcome, Outcome::lost);
    EXPECT_EQ(run(*backend, Verb::acquire, "b/1").outcome, Outcome::granted);
}

TEST_F(FileBackends, RemovedFileIsALoss) {
    const auto backend = make();
    const auto other = make();
    ASSERT_EQ(run(*backend, Verb::acquire, "a/1").outcome, Outcome::granted);
    std::filesystem::remove(home_.file("key"));
    ASSERT_EQ(run(*other, Verb::acquire, "b/1").outcome, Outcome::granted);
    EXPECT_EQ(run(*backend, Verb::renew, "a/1").outcome, Outcome::lost);
    EXPECT_EQ(run(*backend, Verb::release, "a/1").outcome, Outcome::lost);
    EXPECT_EQ(run(*other, Verb::renew, "b/1").outcome, Outcome::renewed);
}

TEST_F(FileBackends, ForeignFileIsCorruptAndLeftAlone) {
    const auto backend = make();
    { std::ofstream{home_.file("key")} << "a letter"; }
    EXPECT_EQ(run(*backend, Verb::acquire, "a/1").error, Errc::corrupt);
    EXPECT_EQ(run(*backend, Verb::inspect, "").error, Errc::corrupt);
    EXPECT_EQ(std::filesystem::file_size(home_.file("key")), 8U);
}

TEST_F(FileBackends, DirectoryThatCannotBeUsedIsRefusedBeforeOrAtTheFirstUse) {
    EXPECT_THROW((void)make_file_backend({.directory = "locks"}), LockError);
    EXPECT_THROW((void)make_file_backend({.clock = nullptr}), LockError);
    const auto under_nothing = make_file_backend({.directory = home_.file("a/b"), .clock = clock_});
    EXPECT_EQ(run(*under_nothing, Verb::acquire, "a/1").error, Errc::connect_failed);
    { std::ofstream{home_.file("file")} << "text"; }
    const auto on_a_file = make_file_backend({.directory = home_.file("file"), .clock = clock_});
    EXPECT_EQ(run(*on_a_file, Verb::acquire, "a/1").error, Errc::connect_failed);
}

TEST_F(FileBackends, ListKnowsKeysThatNamesCannotTell) {
    LockManager locks = make_manager();
    const std::string longest(500, '/');
    const auto one = locks.acquire("short");
    const auto two = locks.acquire(longest);
    const auto all = locks.list();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].key, longest);
    EXPECT_EQ(all[1].key, "short");
}

TEST_F(FileBackends, CheckFindsNothingInADirectoryOfOnesOwn) {
    LockManager locks = make_manager();
    for (const Finding& each : locks.check()) ADD_FAILURE() << each.subject << ": " << each.found;
    std::filesystem::permissions(home_.path(), std::filesystem::perms::all);
    const auto findings = locks.check();
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(findings[0].subject, "directory");
}

}  // namespace
}  // namespace leaselock

// Goal: the file backend leaves nothing open or lying about, needs few descriptors, goes on without
// any, and a file that it keeps open for a release is that of the lock. Method: backends with a
// clock that stands still, in a process whose descriptors are counted or used up.
#include <fcntl.h>
#include <filesystem>
#include <future>
#include <gtest/gtest.h>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include <leaselock/file.hpp>
#include <leaselock/leaselock.hpp>

#include "support/poll_until.hpp"
#include "unit/file_world.hpp"

namespace leaselock {
namespace {

using support::poll_until;

class FileDescriptors : public FileWorld {};

TEST_F(FileDescriptors, NothingIsLeftBehind) {
    const auto backend = make();
    (void)run(*backend, Verb::acquire, "a/0");
    (void)run(*backend, Verb::release, "a/0");
    const std::size_t before = descriptors();
    EXPECT_EQ(files(), 0U);
    ASSERT_EQ(run(*backend, Verb::acquire, "a/1").outcome, Outcome::granted);
    ASSERT_EQ(run(*backend, Verb::acquire, "b/1").outcome, Outcome::held);
    EXPECT_LE(descriptors(), before + 1) << "for a lock that is held, and none for one that waits";
    EXPECT_EQ(run(*backend, Verb::release, "a/1").outcome, Outcome::released);
    EXPECT_EQ(run(*backend, Verb::inspect, "").outcome, Outcome::free);
    EXPECT_EQ(descriptors(), before);
    EXPECT_EQ(files(), 0U);
}

TEST_F(FileDescriptors, WhoHasWaitedForALockLeavesNothingOpenButTheWatch) {
    LockManager holder = make_manager();
    LockManager waiter = make_manager();
    const auto hand_over = [&] {
        auto lock = holder.acquire("key", {.ttl = 10min});
        auto second = wait_for_key(waiter);
        EXPECT_TRUE(poll_until([&] { return holder.inspect("key").waiting == 1; }));
        EXPECT_EQ(lock->release(), ReleaseResult::released);
        EXPECT_TRUE(second.get());
        EXPECT_TRUE(poll_until([&] { return files() == 0; }));
    };
    hand_over();
    const std::size_t before = descriptors();
    hand_over();
    hand_over();
    EXPECT_EQ(descriptors(), before);
}

TEST_F(FileDescriptors, WhoHasWaitedForALatchLeavesNothingOpen) {
    LockManager locks = make_manager();
    const auto wait_for = [&](const char* key) {
        CountDownLatch latch{locks, key, 1};
        auto waits = std::async(std::launch::async, [&] { return latch.wait(); });
        EXPECT_TRUE(poll_until([&] { return locks.inspect(key).waiting == 1; }));
        latch.count_down();
        EXPECT_TRUE(waits.get());
    };
    wait_for("first");
    const std::size_t before = descriptors();
    wait_for("second");
    EXPECT_EQ(descriptors(), before);
}

// A process that may open no more than a few files, and has them open.
class FewDescriptors {
  public:
    FewDescriptors() {
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
        const rlimit few{256, before_.rlim_max};
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
        use_up();
    }
    FewDescriptors(const FewDescriptors&) = delete;
    FewDescriptors& operator=(const FewDescriptors&) = delete;
    ~FewDescriptors() {
        for (const int fd : all_) ::close(fd);
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0);
    }
    void use_up() {
        for (int fd = 0; (fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) {
            all_.push_back(fd);
        }
    }

  private:
    rlimit before_{};
    std::vector<int> all_{};
};

TEST_F(FileDescriptors, HolderWithoutADescriptorLeftRenewsAndReleases) {
    const auto backend = make();
    ASSERT_EQ(run(*backend, Verb::acquire, "a/1").outcome, Outcome::granted);
    Reply renewed;
    Reply refused;
    Reply renewed_again;
    Reply released;
    {
        FewDescriptors few;
        renewed = run(*backend, Verb::renew, "a/1");
        few.use_up();
        refused = run(*backend, Verb::acquire, "a/2", {}, "another");
        renewed_again = run(*backend, Verb::renew, "a/1");
        released = run(*backend, Verb::release, "a/1");
    }
    EXPECT_EQ(renewed.outcome, Outcome::renewed);
    EXPECT_EQ(refused.error, Errc::too_many_clients);
    EXPECT_EQ(renewed_again.outcome, Outcome::renewed);
    EXPECT_EQ(released.outcome, Outcome::released);
}

TEST_F(FileDescriptors, HeldLocksKeepFewFilesOpen) {
    const auto backend = make();
    ASSERT_EQ(run(*backend, Verb::acquire, "a/0").outcome, Outcome::granted);
    const std::size_t before = descriptors();
    const auto key = [](int i) { return "key" + std::to_string(i); };
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(run(*backend, Verb::acquire, "a/1", {}, key(i)).outcome, Outcome::granted);
    }
    EXPECT_LE(descriptors(), before + 8);
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(run(*backend, Verb::release, "a/1", {}, key(i)).outcome, Outcome::released);
    }
    EXPECT_LE(descriptors(), before);
}

TEST_F(FileDescriptors, FileThatIsKeptOpenStandsInTheWayOfNoOtherLock) {
    const auto backend = make();
    ASSERT_EQ(run(*backend, Verb::acquire, "a/1").outcome, Outcome::granted);
    Reply granted;
    {
        const FewDescriptors few;
        granted = run(*backend, Verb::acquire, "a/2", {}, "another");
    }
    EXPECT_EQ(granted.outcome, Outcome::granted);
    EXPECT_EQ(run(*backend, Verb::release, "a/1").outcome, Outcome::released);
}

TEST_F(FileDescriptors, LateReleaseDoesNotFreeWhoCameAfterTheFileWasMoved) {
    const auto backend = make();
    const auto other = make();
    ASSERT_EQ(run(*backend, Verb::acquire, "a/1").outcome, Outcome::granted);
    std::filesystem::rename(home_.file("key"), home_.file("elsewhere"));
    ASSERT_EQ(run(*other, Verb::acquire, "b/1").outcome, Outcome::granted);
    EXPECT_EQ(run(*backend, Verb::release, "a/1").outcome, Outcome::lost);
    EXPECT_EQ(run(*backend, Verb::acquire, "a/2").outcome, Outcome::held);
    EXPECT_EQ(run(*other, Verb::release, "b/1").outcome, Outcome::released);
}

// Its acquire has left the file open.
TEST_F(FileDescriptors, ReleaseSeesWhatOthersDidMeanwhile) {
    const auto backend = make();
    const auto other = make();
    ASSERT_EQ(run(*backend, Verb::acquire, "a/1").outcome, Outcome::granted);
    clock_->advance(11min);
    ASSERT_EQ(run(*other, Verb::acquire, "b/1").outcome, Outcome::granted);
    EXPECT_EQ(run(*backend, Verb::release, "a/1").outcome, Outcome::lost);
    EXPECT_EQ(run(*other, Verb::release, "b/1").outcome, Outcome::released);
    ASSERT_EQ(run(*backend, Verb::acquire, "a/2").outcome, Outcome::granted);
    EXPECT_EQ(run(*backend, Verb::release, "a/2").outcome, Outcome::released);
    EXPECT_EQ(files(), 0U);
}

}  // namespace
}  // namespace leaselock

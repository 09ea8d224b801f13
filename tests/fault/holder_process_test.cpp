// Goal: what is done to a process that holds - stopped, killed, its wall clock stepped, ended in
// any order, forked - never makes it wrong about holding, and leaves nothing behind. Method: a
// process beside the test, and a real redis-server. The numbers are those of the fault matrix.
#include <array>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <leaselock/testing/detail/granted.hpp>

#include "fault/holder_fixture.hpp"
#include "support/child_process.hpp"
#include "support/counter_key.hpp"

namespace leaselock {
namespace {

using namespace support;

std::string text_of(milliseconds time) { return std::to_string(time.count()); }

class HolderProcess : public ::testing::Test {
  protected:
    [[nodiscard]] std::vector<std::string> worker(std::vector<std::string> words) const {
        words.insert(words.begin(), LEASELOCK_HOLDER_WORKER);
        return words;
    }
    // A process that holds "key", from the moment on at which this returns.
    void start_holder(std::optional<ChildProcess>& holder, milliseconds ttl) {
        holder.emplace(worker({"hold", server_.url(), directory_.path().string(), text_of(ttl)}));
        ASSERT_TRUE(poll_until([&] { return std::filesystem::exists(directory_.file("ready")); }));
    }
    [[nodiscard]] bool is_free(const std::string& key = "p:key") {
        return server_.cli("EXISTS", key) == "0";
    }

    RedisServer server_;
    TempDir directory_;
    std::shared_ptr<Told> told_ = std::make_shared<Told>();
    LockManager locks_ = told_manager(told_, backend_on(server_.url()));
    std::error_code ec_;
};

// A wall clock that a file shifts; see clock_shim.cpp.
void shift_clock(const std::string& path, std::chrono::nanoseconds shift) {
    const std::int64_t ns = shift.count();
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_EQ(::pwrite(fd, &ns, sizeof ns, 0), static_cast<ssize_t>(sizeof ns));
    ::close(fd);
}

// Pain 17 of the survey.
TEST_F(HolderProcess, Row35StepsOfTheClientsWallClockHaveNoEffect) {
    const std::string shift = directory_.file("clock_shift");
    shift_clock(shift, 0s);
    ChildProcess process{worker({"renew", server_.url(), text_of(1500ms), text_of(2500ms)}),
                         {.output = {},
                          .environment = {std::string("LD_PRELOAD=") + LEASELOCK_CLOCK_SHIM,
                                          "LEASELOCK_CLOCK_SHIFT=" + shift}}};
    const std::array<std::chrono::seconds, 4> steps{1h, 0s, -1h, 60s};
    std::size_t step = 0;
    std::optional<int> status;
    ASSERT_TRUE(poll_until(
        [&] {
            shift_clock(shift, steps[step++ % steps.size()]);
            status = process.wait(20ms);
            return status.has_value();
        },
        30s));
    EXPECT_EQ(*status, 0);
}

TEST_F(HolderProcess,
       Row36ProcessThatWasStoppedPastItsTtlKnowsBeforeItsFirstUseAndItsWriteIsRefused) {
    History history{directory_.file("history")};
    FencedStore store{directory_.file("store"), FenceCheck::on};
    std::optional<ChildProcess> holder;
    start_holder(holder, patient_ttl);
    holder->pause();
    auto next = RecordedLock::acquire(
        history, locks_, "key", {.ttl = 1min, .wait_timeout = long_timeout, .retry_delay = 10ms},
        ec_);
    ASSERT_TRUE(next) << ec_.message();
    const std::uint64_t fence = next->lock().fencing_token();
    const auto read = store.read(fence);
    ASSERT_TRUE(read);
    EXPECT_TRUE(store.write(*read, fence));
    holder->resume();
    EXPECT_EQ(holder->wait(30s), 0) << "see holder_worker.cpp";
    EXPECT_TRUE(next->owns_lock());
    EXPECT_EQ(check(history.read()).text(), "");
    EXPECT_EQ(history.read().size(), 2U);
    EXPECT_EQ(store.count().lost, 0U);
    EXPECT_EQ(store.count().refused, 1U);
}

// Pain 12 of the survey: no lock is without a ttl, not for a moment.
TEST_F(HolderProcess, LockOfAProcessThatWasKilledIsFreeWhenItsTtlIsOver) {
    std::optional<ChildProcess> holder;
    start_holder(holder, brief_ttl);
    holder->kill9();
    const std::string left = server_.cli("PTTL", "p:key");
    EXPECT_NE(left, "-1");
    EXPECT_LE(std::stoll(left), brief_ttl.count());
    const auto next = locks_.acquire("key", {.wait_timeout = brief_ttl * patience}, ec_);
    EXPECT_TRUE(next) << ec_.message();
}

TEST_F(HolderProcess, Row65GuardsThatGoAwayAtTheEndOfAProcessReleaseInAnyOrder) {
    ChildProcess process{worker({"linger", server_.url()})};
    EXPECT_EQ(process.wait(30s), 0);
    const std::pair<std::string, std::string> held[] = {
        {"p:", "behind"}, {"p:", "before"}, {"hazel:lock:", "default"}};
    for (const auto& [prefix, name] : held) {
        const std::string key = prefix + name;
        EXPECT_EQ(server_.cli("EXISTS", counter_key(prefix, name)), "1") << "never held";
        EXPECT_TRUE(poll_until([&] { return is_free(key); })) << key;
    }
}

// What a forked child sees of the parent's lock, as bits; 0 is right. It must not come back.
int as_child(LockManager& locks, ScopedDistributedLock& lock) {
    int wrong = 0;
    std::error_code ec;
    if (lock.owns_lock() || lock.remaining() != 0ms) wrong |= 1;
    lock.ensure(ec);
    if (ec != Errc::lost) wrong |= 2;
    lock.extend(1h, ec);
    if (ec != Errc::lost) wrong |= 4;
    if (granted(locks.acquire("other", {}, ec)) || ec != Errc::forked) wrong |= 8;
    (void)locks.inspect("key", {}, ec);
    if (ec != Errc::forked) wrong |= 16;
    if (lock.release() != ReleaseResult::not_held) wrong |= 32;
    { const ScopedDistributedLock destroyed{std::move(lock)}; }
    locks = LockManager{};
    return wrong;
}

TEST_F(HolderProcess, Row49ForkedChildHoldsNothingAndTouchesNoSocket) {
    std::optional<ScopedDistributedLock> lock{std::in_place, locks_, "key",
                                              LockOptions{.ttl = 10min}};
    const auto said = [&] {
        return info(server_, "commandstats", "cmdstat_evalsha") +
               info(server_, "commandstats", "cmdstat_eval") +
               info(server_, "stats", "total_connections_received");
    };
    const std::string before = said();
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) ::_exit(as_child(locks_, *lock));
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0) << "see as_child";
    EXPECT_EQ(said(), before);
    EXPECT_TRUE(lock->owns_lock());
    EXPECT_FALSE(is_free());
    EXPECT_EQ(lock->release(ec_), ReleaseResult::released) << ec_.message();
    expect_works(locks_, "key");
}

TEST_F(HolderProcess, Row49ParentGoesOnRenewingBesideItsChild) {
    ScopedDistributedLock lock{locks_, "key", {.ttl = patient_ttl}};
    const auto first_end = boot_clock()->now() + patient_ttl;
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        for (;;) ::pause();
    }
    EXPECT_TRUE(poll_until([&] { return told_->renewed > 0; }));
    EXPECT_GT(believed_until(lock), first_end);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    EXPECT_EQ(lock.release(ec_), ReleaseResult::released) << ec_.message();
    EXPECT_TRUE(is_free()) << "whatever the child has open still";
}

// The child makes a manager of its own, and is another holder.
TEST_F(HolderProcess, Row49ChildWithAManagerOfItsOwnIsAnotherHolder) {
    ScopedDistributedLock lock{locks_, "key", {.ttl = 10min}};
    const std::string url = server_.url();
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        ::execl(LEASELOCK_HOLDER_WORKER, LEASELOCK_HOLDER_WORKER, "renew", url.c_str(), "1000",
                "10", nullptr);
        ::_exit(127);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 2) << "it learned that the key is held";
    EXPECT_TRUE(lock.owns_lock());
}

}  // namespace
}  // namespace leaselock

// Goal: on files a min_hold outlives the process that asked for it, at most for the lock's ttl,
// also where the lock was handed over, shared, or made a reader's; a hand-off is short until its
// new holder has prolonged it; and what ended processes have left is swept. Method: backends that
// go, as the kernel has files closed for a process, on a clock that stands still unless the test
// moves it; and children that are killed.
#include <csignal>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include <leaselock/detail/blocking_call.hpp>
#include <leaselock/file.hpp>
#include <leaselock/leaselock.hpp>
#include <leaselock/testing/detail/granted.hpp>
#include <leaselock/testing/manual_clock.hpp>

#include "support/temp_dir.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

class Remembers final : public Listener {
  public:
    using Listener::Listener;
    Remembers(const Remembers&) = delete;
    Remembers& operator=(const Remembers&) = delete;
    virtual ~Remembers() = default;

    WakeUp handed_over(const HandOff& /*what*/) noexcept override { return {}; }
    WakeUp poll() noexcept override { return {}; }
};

struct Ask {
    Verb verb = Verb::acquire;
    std::chrono::milliseconds ttl = 10min;
    std::chrono::milliseconds min_hold = 0ms;
    Claim claim{};
    Listener* listener = nullptr;
    std::string_view key = "key";
};

class FileMinHold : public ::testing::Test {
  protected:
    [[nodiscard]] std::shared_ptr<Backend> make() const {
        return make_file_backend({.directory = home_.file("locks"), .clock = clock_});
    }
    Reply run(Backend& backend, std::string_view token, const Ask& ask = {}) const {
        const auto now = clock_->now();
        Operation operation{{.verb = ask.verb,
                             .key = ask.key,
                             .token = token,
                             .ttl = ask.ttl,
                             .min_hold = ask.min_hold,
                             .claim = ask.claim,
                             .listener = ask.listener,
                             .entry_life = 10min,
                             .submitted = now,
                             .deadline = now + 1h}};
        detail::BlockingCall{operation}.run(backend, *clock_);
        return operation.reply;
    }
    [[nodiscard]] std::size_t entries() const {
        const std::filesystem::directory_iterator all{home_.file("locks")};
        return static_cast<std::size_t>(std::distance(begin(all), end(all)));
    }
    // The time for which the key is taken yet, in steps of a second.
    [[nodiscard]] std::chrono::seconds time_until_free(Backend& backend, Claim claim = {}) const {
        for (std::chrono::seconds time{0}; time < 1h; time += 1s) {
            if (run(backend, "other/1", {.claim = claim}).outcome == Outcome::granted) return time;
            clock_->advance(1s);
        }
        return 1h;
    }

    support::TempDir home_;
    std::shared_ptr<testing::ManualClock> clock_ = std::make_shared<testing::ManualClock>();
};

TEST_F(FileMinHold, OutlivesItsProcess) {
    auto dead = make();
    const auto other = make();
    ASSERT_EQ(run(*dead, "dead/1", {.min_hold = 1min}).outcome, Outcome::granted);
    clock_->advance(10s);
    dead.reset();
    const Reply held = run(*other, "other/1");
    EXPECT_EQ(held.outcome, Outcome::held);
    EXPECT_EQ(held.holder, "dead/1");
    EXPECT_EQ(held.remaining, 50s);
    EXPECT_EQ(time_until_free(*other), 50s);
}

TEST_F(FileMinHold, EndsWithTheTtlOfAProcessThatEnded) {
    auto dead = make();
    const auto other = make();
    ASSERT_EQ(run(*dead, "dead/1", {.ttl = 20s, .min_hold = 1min}).outcome, Outcome::granted);
    dead.reset();
    EXPECT_EQ(time_until_free(*other), 20s);
}

TEST_F(FileMinHold, IsNoReasonToKeepWhatIsRenewedForLonger) {
    auto dead = make();
    const auto other = make();
    ASSERT_EQ(run(*dead, "dead/1", {.min_hold = 1min}).outcome, Outcome::granted);
    clock_->advance(30s);
    ASSERT_EQ(run(*dead, "dead/1", {.verb = Verb::renew}).outcome, Outcome::renewed);
    dead.reset();
    EXPECT_EQ(time_until_free(*other), 30s) << "from the acquisition on";
}

TEST_F(FileMinHold, OfAReaderOutlivesItsProcess) {
    auto dead = make();
    const auto other = make();
    ASSERT_EQ(run(*dead, "dead/1", {.min_hold = 1min, .claim = shared}).outcome, Outcome::granted);
    dead.reset();
    EXPECT_EQ(run(*other, "other/2", {.claim = shared}).outcome, Outcome::granted);
    EXPECT_EQ(run(*other, "other/2", {.verb = Verb::release, .claim = shared}).outcome,
              Outcome::released);
    EXPECT_EQ(time_until_free(*other), 60s);
}

TEST_F(FileMinHold, OfOneThatBecameAReaderOutlivesItsProcess) {
    auto dead = make();
    const auto other = make();
    ASSERT_EQ(run(*dead, "dead/1", {.min_hold = 1min}).outcome, Outcome::granted);
    ASSERT_EQ(run(*dead, "dead/1", {.verb = Verb::renew, .claim = shared}).outcome,
              Outcome::renewed);
    dead.reset();
    EXPECT_EQ(time_until_free(*other), 60s);
}

TEST_F(FileMinHold, OfALockThatWasHandedOverCountsFromTheHandOff) {
    const auto first = make();
    auto dead = make();
    const auto other = make();
    ASSERT_EQ(run(*first, "first/1").outcome, Outcome::granted);
    Remembers waiter{"key", "dead/1"};
    ASSERT_TRUE(run(*dead, "dead/1", {.min_hold = 1min, .listener = &waiter}).queued);
    clock_->advance(10s);
    ASSERT_EQ(run(*first, "first/1", {.verb = Verb::release}).outcome, Outcome::released);
    // As its manager does at once.
    ASSERT_EQ(run(*dead, "dead/1", {.min_hold = 1min}).outcome, Outcome::granted);
    dead->forget(waiter);
    dead.reset();
    EXPECT_EQ(time_until_free(*other), 60s);
}

TEST_F(FileMinHold, OfAJobWhoseProcessIsKilledKeepsItFromRunningAgain) {
    const pid_t child = ::fork();
    if (child == 0) {
        LockManager locks{{.backend = "files"}};
        locks.register_backend("files", make_file_backend({.directory = home_.file("locks")}));
        (void)run_once(locks, "job", {.min_hold = 1h}, [] { ::raise(SIGKILL); });
        ::_exit(1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    LockManager locks{{.backend = "files"}};
    locks.register_backend("files", make_file_backend({.directory = home_.file("locks")}));
    EXPECT_FALSE(run_once(locks, "job", {.min_hold = 1h}, [] {}));
    // The 100 ms of a dead process are over, and the 1 h of the job are not.
    std::error_code why;
    EXPECT_FALSE(granted(locks.acquire("job", {.wait_timeout = 300ms}, why)));
    EXPECT_EQ(why, Errc::wait_timed_out);
    EXPECT_GT(locks.inspect("job").remaining, 1min);
}

// The new holder stands still, and prolongs nothing.
TEST_F(FileMinHold, HandOffIsShort) {
    const auto first = make();
    const auto stopped = make();
    const auto other = make();
    ASSERT_EQ(run(*first, "first/1").outcome, Outcome::granted);
    Remembers waiter{"key", "stopped/1"};
    ASSERT_TRUE(run(*stopped, "stopped/1", {.listener = &waiter}).queued);
    ASSERT_EQ(run(*first, "first/1", {.verb = Verb::release}).outcome, Outcome::released);
    const Reply held = run(*other, "other/1");
    EXPECT_EQ(held.holder, "stopped/1");
    EXPECT_EQ(held.remaining, 3s);
    EXPECT_EQ(run(*stopped, "stopped/1").outcome, Outcome::granted) << "a whole lease";
    EXPECT_EQ(run(*other, "other/1").remaining, 10min);
    stopped->forget(waiter);
}

TEST_F(FileMinHold, WhatTheDeadHaveLeftIsSweptByAList) {
    const auto other = make();
    ASSERT_EQ(run(*other, "other/1").outcome, Outcome::granted);
    ASSERT_EQ(run(*other, "other/1", {.verb = Verb::release}).outcome, Outcome::released);
    const std::size_t before = entries();
    for (int i = 0; i < 5; ++i) {
        const pid_t child = ::fork();
        if (child == 0) {
            const auto backend = make();
            (void)run(*backend, "dead/1", {.key = "lock" + std::to_string(i)});
            ::raise(SIGKILL);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
    }
    EXPECT_GT(entries(), before + 5);
    EXPECT_EQ(other->list("", "*").size(), 5U) << "in their last breath";
    clock_->advance(100ms);
    EXPECT_EQ(other->list("", "*").size(), 0U);
    EXPECT_EQ(entries(), before);
}

TEST_F(FileMinHold, DirectoryDoesNotGrowWithProcessesThatAreKilled) {
    for (int i = 0; i < 100; ++i) {
        const pid_t child = ::fork();
        if (child == 0) {
            const auto backend = make();
            clock_->advance(std::chrono::minutes{i});
            const std::string key = "lock" + std::to_string(i);
            (void)run(*backend, "dead/1", {.ttl = 1s, .key = key});
            ::raise(SIGKILL);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
    }
    EXPECT_LT(entries(), 40U);
}

}  // namespace
}  // namespace leaselock

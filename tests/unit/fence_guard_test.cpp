// Goal: a resource behind a FenceGuard takes writes in the order of their tokens alone, and the
// check is one step with the write. Method: tokens of every kind, one after another; then two
// threads.
#include <atomic>
#include <gtest/gtest.h>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include <leaselock/leaselock.hpp>

#include "support/poll_until.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

TEST(FenceGuard, AdmitsRisingTokensAndTheSameHolderAgain) {
    FenceGuard fence;
    EXPECT_TRUE(fence.admit(1));
    EXPECT_TRUE(fence.admit(7));
    EXPECT_TRUE(fence.admit(7));
    EXPECT_TRUE(fence.admit(FenceGuard::max_token));
    EXPECT_EQ(fence.newest(), 9007199254740991U);
}

TEST(FenceGuard, RefusesAnOlderHolderAndGoesOnWithTheYounger) {
    FenceGuard fence;
    EXPECT_TRUE(fence.admit(7));
    EXPECT_FALSE(fence.admit(6));
    EXPECT_EQ(fence.newest(), 7U);
    EXPECT_TRUE(fence.admit(7));
}

TEST(FenceGuard, RefusesWhatIsNoTokenAndForgetsIt) {
    FenceGuard fence;
    EXPECT_FALSE(fence.admit(0));
    EXPECT_FALSE(fence.admit(FenceGuard::max_token + 1));
    EXPECT_FALSE(fence.admit(~std::uint64_t{0}));
    EXPECT_EQ(fence.newest(), 0U);
    EXPECT_TRUE(fence.admit(1));
}

TEST(FenceGuard, GoesOnFromWhatWasStored) {
    FenceGuard fence{100};
    EXPECT_FALSE(fence.admit(99));
    EXPECT_TRUE(fence.admit(100));
}

TEST(FenceGuard, EnsureSaysBothTokensInATypedError) {
    FenceGuard fence{100};
    fence.ensure(101);
    try {
        fence.ensure(99);
        FAIL() << "an older token was admitted";
    } catch (const LockLost& lost) {
        EXPECT_EQ(lost.code(), Errc::fenced_off);
        EXPECT_EQ(lost.code(), Family::lost);
        const std::string text = lost.what();
        EXPECT_NE(text.find("token 99 "), std::string::npos) << text;
        EXPECT_NE(text.find("range of 101 to"), std::string::npos) << text;
    }
    std::error_code ec;
    fence.ensure(99, ec);
    EXPECT_EQ(ec, Errc::fenced_off);
    fence.ensure(101, ec);
    EXPECT_FALSE(ec) << ec.message();
}

TEST(FenceGuard, RunGivesTheResultOrDoesNotRun) {
    FenceGuard fence;
    int value = 1;
    int& same = fence.run(5, [&]() -> int& { return ++value; });
    EXPECT_EQ(&same, &value);
    EXPECT_THROW(fence.run(4, [&] { ++value; }), LockLost);
    EXPECT_EQ(value, 2);
}

TEST(FenceGuard, FunctionThatThrowsLeavesItsTokenAdmittedAndTheGuardFree) {
    FenceGuard fence;
    EXPECT_THROW(fence.run(5, [] { throw std::runtime_error("disk full"); }), std::runtime_error);
    EXPECT_FALSE(fence.admit(4));
    EXPECT_TRUE(fence.admit(5));
}

// The older holder's function is under way when the later one comes. Were the later one
// admitted meanwhile, the older one's write would be the last.
TEST(FenceGuard, YoungerHolderWaitsUntilTheWriteOfTheOlderIsDone) {
    FenceGuard fence;
    std::atomic<bool> has_run{false};
    std::string text;
    std::thread younger;
    fence.run(1, [&] {
        younger = std::thread{[&] {
            fence.run(2, [&] {
                has_run = true;
                text = "young";
            });
        }};
        EXPECT_FALSE(support::poll_until([&] { return has_run.load(); }, 50ms));
        text = "old";
    });
    younger.join();
    EXPECT_TRUE(has_run);
    EXPECT_EQ(text, "young");
    EXPECT_THROW(fence.run(1, [&] { text = "too late"; }), LockLost);
}

// Two threads without a lock, each with tokens of its own: what is written rises all the same.
TEST(FenceGuard, WritesOfTwoThreadsNeverGoBack) {
    constexpr std::uint64_t tokens = 20'000;
    FenceGuard fence;
    std::uint64_t last = 0;  // guarded by `fence` alone
    int went_back = 0;
    std::atomic<int> writes{0};
    const auto write_each_second = [&](std::uint64_t first) {
        for (std::uint64_t token = first; token <= tokens; token += 2) {
            try {
                fence.run(token, [&] {
                    if (token < last) ++went_back;
                    last = token;
                });
                ++writes;
            } catch (const LockLost&) {
                std::this_thread::yield();
            }
        }
    };
    std::thread odd{write_each_second, 1};
    write_each_second(2);
    odd.join();
    EXPECT_EQ(went_back, 0);
    EXPECT_EQ(last, tokens);
    EXPECT_EQ(fence.newest(), tokens);
    EXPECT_GE(writes, static_cast<int>(tokens / 2)) << "at least one of the threads was never late";
}

TEST(FenceGuard, RefusesAHolderWhoseLeaseEndedOnceTheNextHasWritten) {
    LockManager locks;
    FenceGuard fence;
    const auto slow = locks.acquire("document", {.ttl = 100ms, .renewal = Renewal::off});
    const auto next = locks.acquire("document", {.wait_timeout = 20s});
    ASSERT_TRUE(slow && next);
    EXPECT_TRUE(fence.admit(slow->fencing_token()));
    EXPECT_TRUE(fence.admit(next->fencing_token()));
    EXPECT_FALSE(fence.admit(slow->fencing_token()));
}

}  // namespace
}  // namespace leaselock

// Goal: the real clock goes on and can be stopped; the manual one moves only when the test moves
// it. Method: both are asked; real times are bounded by ten times their value.
#include <future>
#include <gtest/gtest.h>
#include <stop_token>
#include <thread>
#include <time.h>

#include <leaselock/clock.hpp>
#include <leaselock/testing/manual_clock.hpp>

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using testing::ManualClock;

TEST(BootClock, IsOneObjectAndNeverGoesBack) {
    const auto clock = boot_clock();
    EXPECT_EQ(clock, boot_clock());
    auto last = clock->now();
    for (int i = 0; i < 10'000; ++i) {
        const auto now = clock->now();
        ASSERT_GE(now, last);
        last = now;
    }
}

TEST(BootClock, IsTheClockThatCountsSuspend) {
    timespec before{};
    ::clock_gettime(CLOCK_BOOTTIME, &before);
    const auto now = boot_clock()->now().time_since_epoch();
    timespec after{};
    ::clock_gettime(CLOCK_BOOTTIME, &after);
    EXPECT_GE(now, std::chrono::seconds{before.tv_sec} + std::chrono::nanoseconds{before.tv_nsec});
    EXPECT_LE(now, std::chrono::seconds{after.tv_sec} + std::chrono::nanoseconds{after.tv_nsec});
}

TEST(BootClock, SleepsUntilItsTime) {
    const auto clock = boot_clock();
    const auto begin = clock->now();
    EXPECT_TRUE(clock->sleep_until(begin + 20ms, {}));
    EXPECT_GE(clock->now(), begin + 20ms);
    EXPECT_LT(clock->now(), begin + 10 * 20ms + 1s);
    EXPECT_TRUE(clock->sleep_until(begin, {})) << "a time that is over";
    EXPECT_TRUE(clock->sleep_until(Clock::time_point::min(), {}));
}

TEST(BootClock, SleepIsEndedByStop) {
    std::stop_source source;
    auto sleep = std::async(std::launch::async, [&] {
        return boot_clock()->sleep_until(Clock::time_point::max(), source.get_token());
    });
    EXPECT_EQ(sleep.wait_for(20ms), std::future_status::timeout);
    source.request_stop();
    ASSERT_EQ(sleep.wait_for(10s), std::future_status::ready);
    EXPECT_FALSE(sleep.get());
    EXPECT_FALSE(boot_clock()->sleep_until(boot_clock()->now() + 1h, source.get_token()));
}

TEST(BootClock, SleepIsEndedByItsWaker) {
    Waker waker;
    auto sleep = std::async(std::launch::async,
                            [&] { boot_clock()->sleep_until(Clock::time_point::max(), waker); });
    EXPECT_EQ(sleep.wait_for(20ms), std::future_status::timeout);
    waker.wake();
    EXPECT_EQ(sleep.wait_for(10s), std::future_status::ready);
}

TEST(Waker, WakeUpThatComesBeforeIsUsedUpByTheNextWait) {
    Waker waker;
    waker.wake();
    waker.wake();
    EXPECT_TRUE(waker.wait(1h));
    EXPECT_FALSE(waker.wait(0ns));
    EXPECT_FALSE(waker.wait(1ms));
}

TEST(Clock, AdditionStopsAtTheEndOfTime) {
    using detail::saturating_add;
    constexpr auto end = Clock::time_point::max();
    constexpr Clock::time_point now{1h};
    EXPECT_EQ(saturating_add(now, 5ms), now + 5ms);
    EXPECT_EQ(saturating_add(now, std::chrono::milliseconds::max()), end);
    EXPECT_EQ(saturating_add(end, 1ms), end);
    EXPECT_EQ(saturating_add(end, 0ms), end);
    EXPECT_EQ(saturating_add(end - 1ms, 1ms), end);
    EXPECT_EQ(saturating_add(end - 1ms, 2ms), end);
}

TEST(ManualClock, StandsStillUntilItIsMoved) {
    ManualClock clock;
    const auto begin = clock.now();
    EXPECT_EQ(clock.now(), begin);
    clock.advance(5s);
    EXPECT_EQ(clock.now(), begin + 5s);
    clock.set(begin + 7s);
    EXPECT_EQ(clock.now(), begin + 7s);
    clock.set(begin);
    EXPECT_EQ(clock.now(), begin + 7s) << "it never goes back";
}

TEST(ManualClock, WakesSleepersWhoseTimeHasCome) {
    ManualClock clock;
    const auto begin = clock.now();
    auto early = std::async(std::launch::async, [&] { return clock.sleep_until(begin + 1s, {}); });
    auto late = std::async(std::launch::async, [&] { return clock.sleep_until(begin + 2s, {}); });
    clock.wait_for_sleepers(2);
    clock.advance(1s);
    EXPECT_TRUE(early.get());
    clock.wait_for_sleepers(1);
    EXPECT_EQ(late.wait_for(0s), std::future_status::timeout);
    clock.advance(1s);
    EXPECT_TRUE(late.get());
}

TEST(ManualClock, WakesSleepersThatAreStopped) {
    ManualClock clock;
    std::stop_source source;
    auto sleep = std::async(std::launch::async, [&] {
        return clock.sleep_until(Clock::time_point::max(), source.get_token());
    });
    clock.wait_for_sleepers();
    source.request_stop();
    EXPECT_FALSE(sleep.get());
}

TEST(ManualClock, NobodySleepsOnItByRealTime) {
    ManualClock clock;
    Waker waker{Waker::Thread::of_library};
    clock.thread_begins(waker);
    auto sleep =
        std::async(std::launch::async, [&] { clock.sleep_until(clock.now() + 1ms, waker); });
    clock.wait_for_background();
    EXPECT_EQ(sleep.wait_for(50ms), std::future_status::timeout);
    clock.advance(1ms);
    EXPECT_EQ(sleep.wait_for(10s), std::future_status::ready);
}

TEST(ManualClock, KnowsCallersFromTheThreadsOfTheLibrary) {
    ManualClock clock;
    const auto end = clock.now() + 1s;
    Waker caller;
    auto call = std::async(std::launch::async, [&] { clock.sleep_until(end, caller); });
    clock.wait_for_sleepers();
    Waker library{Waker::Thread::of_library};
    clock.thread_begins(library);
    auto work = std::async(std::launch::async, [&] { clock.sleep_until(end, library); });
    clock.wait_for_background();
    caller.wake();
    call.get();
    EXPECT_EQ(clock.now(), end - 1s);
    library.wake();
    work.get();
}

TEST(ManualClock, MovesItselfForNoThreadOfTheLibrary) {
    ManualClock clock{ManualClock::Sleep::self_advancing};
    const auto begin = clock.now();
    Waker library{Waker::Thread::of_library};
    clock.thread_begins(library);
    auto work = std::async(std::launch::async, [&] { clock.sleep_until(begin + 1h, library); });
    clock.wait_for_background();
    EXPECT_EQ(clock.now(), begin);
    Waker caller;
    caller.wake();
    clock.sleep_until(begin + 1h, caller);
    EXPECT_EQ(clock.now(), begin) << "it was woken before";
    clock.sleep_until(begin + 1h, caller);
    EXPECT_EQ(clock.now(), begin + 1h);
    work.get();
}

TEST(ManualClock, CountsTheThreadsOfTheLibraryByItself) {
    ManualClock clock;
    clock.wait_for_background();
    Waker first{Waker::Thread::of_library};
    Waker second{Waker::Thread::of_library};
    clock.thread_begins(first);
    clock.thread_begins(second);
    const auto sleep = [&](Waker& waker) {
        clock.sleep_until(Clock::time_point::max(), waker);
        clock.thread_ends(waker);
    };
    auto one = std::async(std::launch::async, sleep, std::ref(first));
    auto wait = std::async(std::launch::async, [&] { clock.wait_for_background(); });
    EXPECT_EQ(wait.wait_for(50ms), std::future_status::timeout) << "the second one is at work";
    auto two = std::async(std::launch::async, sleep, std::ref(second));
    wait.get();
    first.wake();
    one.get();
    clock.wait_for_background();
    second.wake();
    two.get();
}

// One that another thread ends, as a wait for ever does.
TEST(ManualClock, MovesItselfToNoEndOfTime) {
    ManualClock clock{ManualClock::Sleep::self_advancing};
    const auto begin = clock.now();
    Waker waker;
    auto sleep =
        std::async(std::launch::async, [&] { clock.sleep_until(Clock::time_point::max(), waker); });
    clock.wait_for_sleepers();
    waker.wake();
    sleep.get();
    EXPECT_EQ(clock.now(), begin);
}

TEST(ManualClock, MayMoveItselfInsteadOfSleeping) {
    ManualClock clock{ManualClock::Sleep::self_advancing};
    const auto begin = clock.now();
    EXPECT_TRUE(clock.sleep_until(begin + 1h, {}));
    EXPECT_EQ(clock.now(), begin + 1h);
    EXPECT_TRUE(clock.sleep_until(begin, {}));
    EXPECT_EQ(clock.now(), begin + 1h);
    std::stop_source source;
    source.request_stop();
    EXPECT_FALSE(clock.sleep_until(begin + 2h, source.get_token()));
    EXPECT_EQ(clock.now(), begin + 1h);
}

}  // namespace
}  // namespace leaselock

// Goal: each event is one line of logfmt, at its level, whatever its texts hold. Method: events
// that are made up, and those of a real manager.
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <leaselock/log.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "support/poll_until.hpp"
#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::pair<LogLevel, std::string>>;

Lines all_events(LogLevel least, const LockEvent& event) {
    Lines lines;
    LogObserver log{[&](LogLevel level, std::string_view line) { lines.emplace_back(level, line); },
                    least};
    log.on_acquired(event);
    log.on_renewed(event);
    log.on_released(event);
    log.on_contended(event);
    log.on_force_released(event);
    log.on_cleanup(event);
    log.on_error(event);
    log.on_default_unset(event);
    log.on_lost(event);
    log.on_ended_after_loss(event);
    return lines;
}

TEST(LogObserver, GivesEachEventALevel) {
    EXPECT_EQ(all_events(LogLevel::debug, {}),
              (Lines{{LogLevel::debug, "event=acquired"},
                     {LogLevel::debug, "event=renewed"},
                     {LogLevel::debug, "event=released"},
                     {LogLevel::info, "event=contended"},
                     {LogLevel::info, "event=force_released"},
                     {LogLevel::info, "event=cleanup"},
                     {LogLevel::warning, "event=error"},
                     {LogLevel::warning, "event=default_unset"},
                     {LogLevel::error, "event=lost"},
                     {LogLevel::error, "event=ended_after_loss"}}));
    EXPECT_EQ(all_events(LogLevel::info, {}).size(), 7U);
    EXPECT_EQ(all_events(LogLevel::warning, {}).size(), 4U);
    EXPECT_EQ(all_events(LogLevel::error, {}).size(), 2U);
    EXPECT_EQ(to_string(LogLevel::debug), "debug");
    EXPECT_EQ(to_string(LogLevel::info), "info");
    EXPECT_EQ(to_string(LogLevel::warning), "warning");
    EXPECT_EQ(to_string(LogLevel::error), "error");
}

TEST(LogObserver, AReleaseThatWasGivenUpIsAWarning) {
    const Lines lines = all_events(LogLevel::warning, {.error = Errc::command_timed_out});
    ASSERT_EQ(lines.size(), 5U);
    EXPECT_EQ(lines[0],
              (Lines::value_type{LogLevel::warning, "event=cleanup error=\"no answer in time\""}));
}

TEST(LogObserver, TellsAllThatIsKnown) {
    const LockEvent event{.key = "stock-7",
                          .key_template = "stock-{{id}}",
                          .owner = "host:1",
                          .fencing_token = 42,
                          .waited = 1'500us,
                          .held = 10s,
                          .error = Errc::lost,
                          .attempts = 3};
    EXPECT_EQ(all_events(LogLevel::error, event)[0].second,
              "event=lost key=\"stock-7\" key_template=\"stock-{{id}}\" owner=\"host:1\" fence=42 "
              "waited_ms=1.500 held_ms=10000.000 attempts=3 error=\"the lock is lost\"");
}

TEST(LogObserver, NoTextForgesALineOrAField) {
    const std::string key{"a\nevent=lost \"b\\\"\t\0\x7f\x1b[1m\xC2\x85\xE2\x80\xA8", 29};
    EXPECT_EQ(all_events(LogLevel::error, {.key = key})[0].second,
              "event=lost key=\"a\\x0aevent=lost \\x22b\\x5c\\x22\\x09\\x00\\x7f\\x1b[1m"
              "\\xc2\\x85\\xe2\\x80\\xa8\"");
}

TEST(LogObserver, HearsOfAManagersLocksAndNotOfTheirTokens) {
    std::mutex mutex;
    Lines lines;
    const auto log = std::make_shared<LogObserver>(
        [&](LogLevel level, std::string_view line) {
            // Of another test of this process, if it has used the default manager.
            if (line.starts_with("event=default_unset")) return;
            const std::lock_guard lock{mutex};
            lines.emplace_back(level, line);
        },
        LogLevel::debug);
    std::string token;
    {
        LockManager locks{{.owner = "me", .observer = log}};
        auto lock = locks.acquire("key", {.key_template = "k"});
        token = lock->owner_token();
        EXPECT_FALSE(granted(locks.acquire("key")));
        lock->release();
        EXPECT_TRUE(support::poll_until([&] {
            const std::lock_guard guard{mutex};
            return lines.size() == 3;
        }));
    }
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_TRUE(lines[0].second.starts_with(
        "event=acquired key=\"key\" key_template=\"k\" owner=\"me\" fence="));
    EXPECT_TRUE(lines[1].second.starts_with("event=contended key=\"key\" owner=\"me\""));
    EXPECT_NE(lines[1].second.find("error=\"held by another\""), std::string::npos);
    EXPECT_TRUE(lines[2].second.starts_with("event=released key=\"key\""));
    const std::string digits = token.substr(token.size() - 32);
    for (const auto& [level, line] : lines) EXPECT_EQ(line.find(digits), std::string::npos);
}

}  // namespace
}  // namespace leaselock

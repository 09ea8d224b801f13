// Goal: bytes of others never command a terminal, forge a line, or turn the direction of a text,
// wherever they become a text: exceptions, lines of a log, findings. Where they are data they stay.
// Method: a table of characters; a holder with a hostile name in the memory backend; a backend with
// hostile words.
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include <leaselock/leaselock.hpp>
#include <leaselock/memory_backend.hpp>

#include "support/poll_until.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

const std::string hostile = "me\x1b[31m\x07\n\xC2\x9B\xE2\x80\xAE\xFF";
const std::string harmless = R"(me\x1b[31m\x07\x0a\xc2\x9b\xe2\x80\xae\xff)";

TEST(Printable, WhatShowsStays) {
    for (const std::string text :
         {"", "stock-7", R"(back\slash "quote")", "K\xC3\xA4se", "\xC2\xA0", "\xE2\x82\xAC",
          "\xE2\x80\xA7", "\xE2\x80\xAF", "\xE2\x81\xA5", "\xE2\x81\xAA", "\xD8\x9B", "\xD8\x9D",
          "\xE2\x80\x8D", "\xE2\x80\x90", "\xF0\x9F\x94\x92"}) {
        EXPECT_EQ(printable(text), text);
    }
}

TEST(Printable, ControlsAndWhatIsNotUtf8AreWrittenInHex) {
    const std::vector<std::pair<std::string, std::string>> rows{{std::string(1, '\0'), R"(\x00)"},
                                                                {"\x1f", R"(\x1f)"},
                                                                {"\x7f", R"(\x7f)"},
                                                                {"\xC2\x80", R"(\xc2\x80)"},
                                                                {"\xC2\x9F", R"(\xc2\x9f)"},
                                                                {"\xD8\x9C", R"(\xd8\x9c)"},
                                                                {"\xE2\x80\x8E", R"(\xe2\x80\x8e)"},
                                                                {"\xE2\x80\x8F", R"(\xe2\x80\x8f)"},
                                                                {"\xE2\x80\xA8", R"(\xe2\x80\xa8)"},
                                                                {"\xE2\x80\xA9", R"(\xe2\x80\xa9)"},
                                                                {"\xE2\x80\xAA", R"(\xe2\x80\xaa)"},
                                                                {"\xE2\x80\xAE", R"(\xe2\x80\xae)"},
                                                                {"\xE2\x81\xA6", R"(\xe2\x81\xa6)"},
                                                                {"\xE2\x81\xA9", R"(\xe2\x81\xa9)"},
                                                                {"\x9B", R"(\x9b)"},
                                                                {"\xC0\x9B", R"(\xc0\x9b)"},
                                                                {"\xE2\x80", R"(\xe2\x80)"},
                                                                {"\xED\xA0\x80", R"(\xed\xa0\x80)"},
                                                                {"a\x1b[1mb", R"(a\x1b[1mb)"}};
    for (const auto& [text, expected] : rows) EXPECT_EQ(printable(text), expected);
    EXPECT_EQ(printable(hostile), harmless);
}

TEST(Printable, ASecondTimeChangesNothingAndFurtherCharactersMayBeNamed) {
    EXPECT_EQ(printable(printable(hostile)), printable(hostile));
    EXPECT_EQ(printable("a\"b\\c", "\"\\"), R"(a\x22b\x5cc)");
    EXPECT_NE(printable("\x1b", "\\"), printable(R"(\x1b)", "\\"));
}

// A lock of somebody who calls itself that.
std::shared_ptr<Backend> held_by_hostile(const std::string& key) {
    auto store = std::make_shared<MemoryBackend>();
    const std::string token = hostile + "/0123456789abcdef0123456789abcdef";
    Operation acquire{{.verb = Verb::acquire,
                       .key = key,
                       .token = token,
                       .ttl = 1h,
                       .submitted = boot_clock()->now()}};
    store->submit(acquire);
    EXPECT_EQ(acquire.reply.outcome, Outcome::granted);
    return store;
}

TEST(HostileHolder, IsEscapedInEachTextAndIsDataAsItIs) {
    std::mutex mutex;
    std::vector<std::string> lines;
    LockManager locks{{.prefix = "",
                       .backend = "shared",
                       .observer = std::make_shared<LogObserver>(
                           [&](LogLevel, std::string_view line) {
                               const std::lock_guard lock{mutex};
                               lines.emplace_back(line);
                           },
                           LogLevel::debug)}};
    locks.register_backend("shared", held_by_hostile("key"));
    try {
        const ScopedDistributedLock guard{locks, "key"};
        FAIL() << "a lock that is held";
    } catch (const LockNotAcquired& error) {
        EXPECT_NE(std::string{error.what()}.find("holder " + harmless + ','), std::string::npos)
            << printable(error.what());
        EXPECT_EQ(printable(error.what()), error.what());
        EXPECT_EQ(error.owner(), hostile);
    }
    EXPECT_EQ(locks.inspect("key").owner, hostile);
    EXPECT_EQ(locks.list().at(0).info.owner, hostile);
    std::ostringstream metrics;
    locks.write_metrics(metrics);
    EXPECT_EQ(metrics.str().find('\x1b'), std::string::npos);
    EXPECT_EQ(locks.force_release("key").owner, hostile);
    ASSERT_TRUE(support::poll_until([&] {
        const std::lock_guard lock{mutex};
        return lines.size() == 2;
    }));
    for (const std::string& line : lines) {
        EXPECT_NE(line.find("owner=\"" + harmless + '"'), std::string::npos) << printable(line);
    }
}

// It has such words for everything.
class Foreign final : public Backend {
  public:
    using Backend::submit;
    void submit(std::span<Operation* const> operations) noexcept override {
        for (Operation* const each : operations) each->fail(Errc::access_denied, hostile);
    }
    void examine(std::vector<Finding>& findings) override {
        findings.push_back({Finding::Severity::hint, hostile, hostile, hostile});
    }
};

TEST(HostileWords, OfABackendAreEscapedInExceptionsAndFindings) {
    LockManager locks{{.backend = "foreign"}};
    locks.register_backend("foreign", std::make_shared<Foreign>());
    try {
        (void)locks.acquire("key");
        FAIL() << "it refuses all";
    } catch (const LockError& error) {
        EXPECT_NE(std::string{error.what()}.find(harmless), std::string::npos)
            << printable(error.what());
        EXPECT_EQ(printable(error.what()), error.what());
    }
    const std::vector<Finding> findings = locks.check();
    ASSERT_FALSE(findings.empty());
    EXPECT_NE(findings.front().found.find(harmless), std::string::npos);
    for (const Finding& finding : findings) {
        for (const std::string& text : {finding.subject, finding.found, finding.advice}) {
            EXPECT_EQ(printable(text), text);
        }
    }
}

TEST(HostileKeys, AreEscapedInEachException) {
    EXPECT_NE(std::string{LockLost{hostile}.what()}.find('\'' + harmless + '\''),
              std::string::npos);
    LockManager locks;
    try {
        (void)locks.acquire("key", {.backend = hostile});
        FAIL() << "no such backend";
    } catch (const LockError& error) {
        EXPECT_EQ(printable(error.what()), error.what());
    }
}

}  // namespace
}  // namespace leaselock

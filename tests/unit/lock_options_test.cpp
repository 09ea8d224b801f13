// Goal: durations saturate and round up, wrong input is a typed error that names field, value and
// range, and nothing of it reaches a backend. Method: every wrong value through a manager over a
// backend that keeps a record.
#include <cmath>
#include <functional>
#include <gtest/gtest.h>
#include <limits>
#include <string>
#include <unistd.h>
#include <vector>

#include <leaselock/lock_options.hpp>

#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

milliseconds ms(Duration d) { return d.value(); }

TEST(Duration, TakesAnyUnit) {
    EXPECT_EQ(ms(3s), 3000ms);
    EXPECT_EQ(ms(2h), milliseconds{7'200'000});
    EXPECT_EQ(ms(std::chrono::days{1}), 24h);
    EXPECT_EQ(ms(std::chrono::duration<double>{0.25}), 250ms);
    EXPECT_EQ(ms(std::chrono::duration<int, std::ratio<1, 3>>{3}), 1000ms);
}

TEST(Duration, RoundsPartsOfAMillisecondUp) {
    EXPECT_EQ(ms(1ns), 1ms);
    EXPECT_EQ(ms(999us), 1ms);
    EXPECT_EQ(ms(1000us), 1ms);
    EXPECT_EQ(ms(1001us), 2ms);
    EXPECT_EQ(ms(-1ns), 0ms);
    EXPECT_EQ(ms(-1001us), -1ms);
    EXPECT_EQ(ms(std::chrono::duration<float, std::milli>{1.5F}), 2ms);
}

TEST(Duration, SaturatesInsteadOfWrappingRound) {
    EXPECT_EQ(ms(std::chrono::hours::max()), milliseconds::max());
    EXPECT_EQ(ms(std::chrono::hours::min()), milliseconds::min());
    EXPECT_EQ(ms(std::chrono::years::max()), milliseconds::max());
    EXPECT_EQ(ms(milliseconds::max()), milliseconds::max());
    EXPECT_EQ(ms(milliseconds::max() - 1ms), milliseconds::max() - 1ms);
    EXPECT_EQ(ms(std::chrono::nanoseconds::max()), milliseconds{9'223'372'036'855});
    using Seconds = std::chrono::duration<double>;
    EXPECT_EQ(ms(Seconds{std::numeric_limits<double>::infinity()}), milliseconds::max());
    EXPECT_EQ(ms(Seconds{-std::numeric_limits<double>::infinity()}), milliseconds::min());
    EXPECT_EQ(ms(Seconds{std::nan("")}), milliseconds::min());
    EXPECT_EQ(forever, Duration{std::chrono::hours::max()});
}

TEST(Duration, IsOrderedAndComputedWhileCompiling) {
    static_assert(Duration{1s} == Duration{1000ms});
    static_assert(Duration{999us} < Duration{2ms});
    static_assert(forever > Duration{24h});
    EXPECT_LT(Duration{-1ms}, Duration{0s});
}

// A call that must be refused, and what its error must say.
struct Refused {
    const char* name;
    std::string key;
    LockOptions options;
    Errc error;
    std::vector<std::string> words;
};

void PrintTo(const Refused& refused, std::ostream* out) { *out << refused.name; }

class RefusedCall : public ::testing::TestWithParam<Refused> {
  protected:
    void expect_words(const std::string& text) {
        for (const std::string& word : GetParam().words) {
            EXPECT_NE(text.find(word), std::string::npos) << text << " does not name " << word;
        }
    }
    ManagerWorld world_;
};

TEST_P(RefusedCall, NamesFieldValueAndRangeAndReachesNoBackend) {
    const auto& [name, key, options, error, words] = GetParam();
    try {
        (void)world_.manager.acquire(key, options);
        ADD_FAILURE() << "was not refused";
    } catch (const LockError& refused) {
        EXPECT_EQ(refused.code(), error);
        EXPECT_EQ(refused.code(), Family::refused);
        EXPECT_EQ(refused.code(), std::errc::invalid_argument);
        expect_words(refused.what());
    }
    EXPECT_THROW((void)ScopedDistributedLock(world_.manager, key, options), LockError);
    EXPECT_EQ(world_.backend->count(), 0U);
}

TEST_P(RefusedCall, ThrowsNothingIfACodeIsAskedFor) {
    const auto& [name, key, options, error, words] = GetParam();
    std::error_code ec;
    EXPECT_EQ(world_.manager.acquire(key, options, ec), std::nullopt);
    EXPECT_EQ(ec, error);
    const ScopedDistributedLock guard{world_.manager, key, options, ec};
    EXPECT_FALSE(guard.owns_lock());
    EXPECT_EQ(ec, error);
    EXPECT_EQ(world_.backend->count(), 0U);
}

// 501 bytes and the prefix of 11 are the limit.
INSTANTIATE_TEST_SUITE_P(
    LockOptions, RefusedCall,
    ::testing::Values(
        Refused{"empty_key", "", {}, Errc::invalid_key, {"key", "11 bytes", "12 to 512"}},
        Refused{"long_key", std::string(502, 'x'), {}, Errc::invalid_key, {"key", "513", "512"}},
        Refused{"nul", std::string("a\0b", 3), {}, Errc::invalid_key, {"key", "byte 0 at 1"}},
        Refused{"cr", "ab\r", {}, Errc::invalid_key, {"key", "byte 13 at 2", "NUL, CR and LF"}},
        Refused{"lf", "\nab", {}, Errc::invalid_key, {"key", "byte 10 at 0"}},
        Refused{"no_ttl", "k", {.ttl = 0s}, Errc::invalid_option, {"ttl = 0 ms", "10 to 86400000"}},
        Refused{"negative_ttl", "k", {.ttl = -5s}, Errc::invalid_option, {"ttl = -5000 ms"}},
        Refused{"short_ttl", "k", {.ttl = 9ms}, Errc::invalid_option, {"ttl = 9 ms"}},
        Refused{"long_ttl", "k", {.ttl = 24h + 1ns}, Errc::invalid_option, {"ttl = 86400001 ms"}},
        Refused{"endless_ttl", "k", {.ttl = forever}, Errc::invalid_option, {"ttl = 9223372036"}},
        Refused{"nan_ttl",
                "k",
                {.ttl = std::chrono::duration<double>{std::nan("")}},
                Errc::invalid_option,
                {"ttl = -"}},
        Refused{"short_least_ttl",
                "k",
                {.require = {.least_ttl = 9ms}},
                Errc::invalid_option,
                {"require.least_ttl = 9 ms", "10 to 86400000"}},
        Refused{"long_least_ttl",
                "k",
                {.require = {.least_ttl = 24h + 1ms}},
                Errc::invalid_option,
                {"require.least_ttl = 86400001 ms"}},
        Refused{"no_such_fences",
                "k",
                {.require = {.fences = static_cast<Fences>(3)}},
                Errc::invalid_option,
                {"require.fences = 3", "0 to 2"}},
        Refused{"no_such_exclusion",
                "k",
                {.require = {.exclusion = static_cast<Exclusion>(3)}},
                Errc::invalid_option,
                {"require.exclusion = 3", "0 to 2"}},
        Refused{"negative_wait",
                "k",
                {.wait_timeout = -1ms},
                Errc::invalid_option,
                {"wait_timeout = -1 ms", "0 to"}},
        Refused{"negative_retry_count",
                "k",
                {.wait = true, .retry_count = -1},
                Errc::invalid_option,
                {"retry_count = -1", "0 to 1000000"}},
        Refused{"large_retry_count",
                "k",
                {.retry_count = 1'000'001},
                Errc::invalid_option,
                {"retry_count = 1000001"}},
        Refused{"no_retry_delay",
                "k",
                {.retry_delay = 0ms},
                Errc::invalid_option,
                {"retry_delay = 0 ms", "1 to 3600000"}},
        Refused{"long_retry_delay",
                "k",
                {.retry_delay = 1h + 1ms},
                Errc::invalid_option,
                {"retry_delay = 3600001 ms"}},
        Refused{"negative_min_hold",
                "k",
                {.min_hold = -1s},
                Errc::invalid_option,
                {"min_hold = -1000 ms", "0 to 86400000"}},
        Refused{"long_min_hold", "k", {.min_hold = 25h}, Errc::invalid_option, {"min_hold"}},
        Refused{"unknown_backend",
                "k",
                {.backend = "nowhere"},
                Errc::unknown_backend,
                {"backend", "'nowhere'", "memory", "store"}}),
    [](const auto& refused) { return refused.param.name; });

TEST(LockOptions, LimitsThemselvesAreTaken) {
    ManagerWorld world;
    const std::string longest(max_key_bytes - 11, 'k');
    for (const LockOptions& options :
         {LockOptions{.ttl = min_ttl}, LockOptions{.ttl = max_ttl, .min_hold = 0s},
          LockOptions{.wait_timeout = 0s, .retry_count = 0, .retry_delay = 1ms},
          LockOptions{.wait_timeout = forever, .retry_count = 1'000'000, .retry_delay = 1h},
          LockOptions{.ttl = 9'001us}}) {
        auto lock = world.manager.acquire(longest, options);
        ASSERT_TRUE(lock.has_value());
        EXPECT_EQ(lock->release(), ReleaseResult::released);
    }
}

TEST(LockOptions, CallGoesBeforeManagerBeforeDefault) {
    ManagerWorld world;
    LockManager brief{{.default_ttl = 3s, .clock = world.clock}};
    brief.register_backend("store", world.backend);
    (void)world.manager.acquire("default");
    (void)brief.acquire("manager", {.backend = "store"});
    (void)brief.acquire("call", {.ttl = 2s, .backend = "store"});
    std::vector<milliseconds> ttls;
    for (const auto& record : world.backend->records()) {
        if (record.verb == Verb::acquire) ttls.push_back(record.ttl);
    }
    EXPECT_EQ(ttls, (std::vector<milliseconds>{30s, 3s, 2s}));
}

TEST(ManagerOptions, WrongOnesAreRefusedByTheConstructor) {
    const auto refuse = [](const ManagerOptions& options, const std::string& words) {
        try {
            const LockManager manager{options};
            ADD_FAILURE() << "was not refused: " << words;
        } catch (const LockError& refused) {
            EXPECT_EQ(refused.code(), Errc::invalid_option);
            EXPECT_NE(std::string(refused.what()).find(words), std::string::npos) << refused.what();
        }
    };
    refuse({.owner = "a b"}, "owner = 'a b', allowed are at most 128 bytes");
    refuse({.owner = std::string(129, 'x')}, "at most 128");
    refuse({.owner = "a/b"}, "owner = 'a/b'");
    refuse({.owner = "kept:me"}, "not beginning with 'kept:'");
    refuse({.prefix = std::string(257, 'x')}, "prefix has 257 bytes, allowed are 0 to 256");
    refuse({.prefix = "a\n"}, "prefix has byte 10 at 1");
    refuse({.default_ttl = 0s}, "default_ttl = 0 ms, allowed are 10 to 86400000 ms");
    refuse({.default_ttl = 25h}, "default_ttl = 90000000 ms");
    refuse({.clock = nullptr}, "clock = null");
}

TEST(ManagerOptions, AnyOwnerOfTheAllowedBytesIsTaken) {
    ManagerWorld world;
    const std::string owner = "Host-1.example_org:42@zone";
    LockManager manager = world.make(owner);
    const auto lock = manager.acquire("key");
    EXPECT_EQ(world.manager.inspect("key").owner, owner);
    const LockManager longest{{.owner = std::string(max_owner_bytes, 'x')}};
}

TEST(ManagerOptions, OwnerIsHostAndProcessIfNotGiven) {
    ManagerWorld world;
    LockManager manager = world.make("");
    const auto lock = manager.acquire("key");
    const std::string owner = world.manager.inspect("key").owner;
    EXPECT_TRUE(owner.ends_with(":" + std::to_string(::getpid()))) << owner;
    EXPECT_GT(owner.size(), std::to_string(::getpid()).size() + 1);
}

}  // namespace
}  // namespace leaselock

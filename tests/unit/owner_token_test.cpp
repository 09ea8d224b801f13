// Goal: the owner token of a lock in memory, which is text only when somebody asks for it, is one
// and the same for all that ask, in whatever order: the guard, the library that renews it, and the
// store that names its holder. Method: a clock that is moved by hand, so that the library renews
// while the guard's thread asks; a copy of the process.
#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <leaselock/leaselock.hpp>
#include <leaselock/memory_backend.hpp>

#include "support/process_copy.hpp"
#include "unit/telling_clock.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

class OwnerToken : public ::testing::Test {
  protected:
    // The first lock of a manager starts its threads, and goes another way.
    OwnerToken() { const ScopedDistributedLock first{locks_, "first lock"}; }

    // The store names the holder.
    [[nodiscard]] std::string holder_of(const std::string& key) {
        const std::string whole = "p:" + key;
        Operation inspect{{.verb = Verb::inspect, .key = whole, .submitted = clock_->now()}};
        memory_->submit(inspect);
        return inspect.reply.holder;
    }

    const std::shared_ptr<TellingClock> clock_ = std::make_shared<TellingClock>();
    const std::shared_ptr<MemoryBackend> memory_ = std::make_shared<MemoryBackend>();
    LockManager locks_ = [this] {
        LockManager locks{{.prefix = "p:", .owner = "tester:1", .clock = clock_}};
        locks.register_backend("own", memory_);
        locks.set_default_backend("own");
        return locks;
    }();
};

TEST_F(OwnerToken, IsTheOneThatTheStoreNamesWhoeverAsksFirst) {
    for (const bool is_guard_first : {true, false}) {
        for (int i = 0; i < 3; ++i) {
            const auto lock = locks_.acquire("a key");
            const std::string asked{is_guard_first ? lock->owner_token() : ""};
            const std::string held = holder_of("a key");
            EXPECT_EQ(lock->owner_token(), held);
            EXPECT_EQ(asked, is_guard_first ? held : "");
            EXPECT_EQ(held.substr(0, 9), "tester:1/");
            EXPECT_EQ(held.size(), 9U + 32U);
            EXPECT_EQ(held.find_first_not_of("0123456789abcdef", 9), std::string::npos) << held;
        }
    }
}

TEST_F(OwnerToken, StaysWhatItWasWhileItIsRenewed) {
    auto lock = locks_.acquire("a key", {.ttl = 30s});
    for (int i = 0; i < 12; ++i) clock_->advance(10s);
    EXPECT_EQ(lock->owner_token(), holder_of("a key"));
    EXPECT_EQ(lock->release(), ReleaseResult::released);
    EXPECT_EQ(lock->owner_token().size(), 9U + 32U) << "and after its release";
}

// With a mutex less ThreadSanitizer finds both threads writing.
TEST_F(OwnerToken, IsOneWhereTheLibraryRenewsWhileTheGuardAsks) {
    std::atomic<int> round{0};
    constexpr int rounds = 200;
    std::thread time{[&] {
        for (int i = 1; i <= rounds; ++i) {
            for (int at = round; at < i; at = round) round.wait(at);
            clock_->advance(10s);
            round = -i;
            round.notify_one();
        }
    }};
    for (int i = 1; i <= rounds; ++i) {
        auto lock = locks_.acquire("a key", {.ttl = 30s});
        round = i;
        round.notify_one();
        const std::string token{lock->owner_token()};
        for (int at = round; at != -i; at = round) round.wait(at);
        EXPECT_EQ(lock->owner_token(), token);
        EXPECT_EQ(holder_of("a key"), token);
        EXPECT_EQ(lock->release(), ReleaseResult::released);
    }
    time.join();
    EXPECT_GE(locks_.stats().renewed, 1U);
    EXPECT_EQ(locks_.stats().lost, 0U);
}

TEST_F(OwnerToken, HasNoTextInAChildWhereItHadNoneBefore) {
    const auto lock = locks_.acquire("a key");
    const auto asks = [&] { return "its token is '" + std::string{lock->owner_token()} + "'"; };
    EXPECT_EQ(support::in_copy(support::Copying::fork, asks), "its token is ''");
    const std::string token{lock->owner_token()};
    EXPECT_EQ(support::in_copy(support::Copying::fork, asks), "its token is '" + token + "'");
}

}  // namespace
}  // namespace leaselock

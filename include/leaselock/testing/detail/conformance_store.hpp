// Cases of the conformance suite: who is granted, who is held off, what a key may be, and what a
// look at the store tells.
#pragma once

#include <atomic>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/testing/detail/conformance_case.hpp>

namespace leaselock::testing::detail {

inline std::vector<std::string> unusual_keys(const BackendFixture& fixture) {
    const std::string longest(max_key_bytes - fixture.prefix().size(), 'x');
    std::string any;
    for (int byte = 1; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        if (c != '\r' && c != '\n' && c != '{' && c != '}') any += c;
    }
    std::vector<std::string> keys{"Schlüssel-鍵-🔑", "with space", "  ",  "50%41%0A", "{tag}:x",
                                  "a{b}c",          "\"'\\",      "*?[", longest,    any};
    for (std::string& key : keys) key = key_of(fixture, key);
    return keys;
}

// One entry of a thread into the section that the lock guards; false if somebody else was in, or
// the lock is never free.
inline bool enter_once(Client& client, const std::string& key, std::atomic<int>& inside,
                       std::atomic<int>& counter) {
    const std::string token = new_token();
    const auto patience = std::chrono::steady_clock::now() + 60s;
    while (client.acquire(key, token).outcome != Outcome::granted) {
        if (std::chrono::steady_clock::now() > patience) return false;
        std::this_thread::yield();
    }
    const bool alone = inside.fetch_add(1, std::memory_order_relaxed) == 0;
    const int seen = counter.load(std::memory_order_relaxed);
    std::this_thread::yield();
    counter.store(seen + 1, std::memory_order_relaxed);
    inside.fetch_sub(1, std::memory_order_relaxed);
    return client.release(key, token).outcome == Outcome::released && alone;
}

inline constexpr Case<BackendFixture> store_cases[] = {
    {"AcquireOfAFreeKeyIsGranted",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         const Reply reply = client.acquire(key, token);
         ASSERT_EQ(reply.outcome, Outcome::granted) << reply.detail;
         EXPECT_GT(reply.fencing_token, 0U);
         EXPECT_LT(reply.fencing_token, fence_end);
         EXPECT_EQ(fixture.raw_holder(key), token);
     }},
    {"SecondOwnerIsHeldOffAndToldWhoHolds",
     [](BackendFixture& fixture) {
         Client first{fixture};
         Client second{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         ASSERT_EQ(first.acquire(key, token).outcome, Outcome::granted);
         const Reply reply = second.acquire(key, new_token("other:2"));
         ASSERT_EQ(reply.outcome, Outcome::held) << reply.detail;
         EXPECT_EQ(reply.holder, token);
         EXPECT_FALSE(reply.kept);
         EXPECT_GT(reply.remaining, 0ms);
         EXPECT_LE(reply.remaining, long_term);
         EXPECT_EQ(fixture.raw_holder(key), token);
     },
     {},
     of_tokens},
    {"AnotherTokenOfTheSameOwnerIsHeldOff",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         ASSERT_EQ(client.acquire(key, new_token("same:1")).outcome, Outcome::granted);
         EXPECT_EQ(client.acquire(key, new_token("same:1")).outcome, Outcome::held);
     }},
    {"OtherKeysAreIndependent",
     [](BackendFixture& fixture) {
         Client client{fixture};
         for (const char* name : {"a", "b", "A", "a:", ":a", "aa"}) {
             EXPECT_EQ(client.acquire(key_of(fixture, name), new_token()).outcome, Outcome::granted)
                 << name;
         }
     }},
    {"ReleasedKeyIsGrantedAgain",
     [](BackendFixture& fixture) {
         Client first{fixture};
         Client second{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         ASSERT_EQ(first.acquire(key, token).outcome, Outcome::granted);
         ASSERT_EQ(first.release(key, token).outcome, Outcome::released);
         EXPECT_EQ(fixture.raw_holder(key), std::nullopt);
         EXPECT_EQ(second.acquire(key, new_token()).outcome, Outcome::granted);
     }},
    {"ReleaseByAnotherIsLostAndChangesNothing",
     [](BackendFixture& fixture) {
         Client first{fixture};
         Client second{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         ASSERT_EQ(first.acquire(key, token).outcome, Outcome::granted);
         EXPECT_EQ(second.release(key, new_token()).outcome, Outcome::lost);
         EXPECT_EQ(second.release(key, token.substr(1)).outcome, Outcome::lost);
         EXPECT_EQ(fixture.raw_holder(key), token);
     }},
    {"SecondReleaseIsLost",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         const std::string token = new_token();
         EXPECT_EQ(client.release(key, token).outcome, Outcome::lost);
         ASSERT_EQ(client.acquire(key, token).outcome, Outcome::granted);
         ASSERT_EQ(client.release(key, token).outcome, Outcome::released);
         EXPECT_EQ(client.release(key, token).outcome, Outcome::lost);
         EXPECT_EQ(fixture.raw_holder(key), std::nullopt);
     }},
    {"FencesRiseFromGrantToGrant",
     [](BackendFixture& fixture) {
         Client first{fixture};
         Client second{fixture};
         const std::string key = key_of(fixture);
         std::uint64_t last = 0;
         for (int i = 0; i < 100; ++i) {
             Client& client = i % 2 == 0 ? first : second;
             const std::string token = new_token();
             const Reply reply = client.acquire(key, token);
             ASSERT_EQ(reply.outcome, Outcome::granted) << reply.detail;
             ASSERT_GT(reply.fencing_token, last);
             ASSERT_LT(reply.fencing_token, fence_end);
             last = reply.fencing_token;
             ASSERT_EQ(client.release(key, token).outcome, Outcome::released);
         }
         Client restarted{fixture};
         EXPECT_GT(restarted.acquire(key, new_token()).fencing_token, last);
     }},
    {"InspectTellsHolderRemainingAndFence",
     [](BackendFixture& fixture) {
         Client client{fixture};
         const std::string key = key_of(fixture);
         EXPECT_EQ(client.inspect(key).outcome, Outcome::free);
         const std::string token = new_token();
         const std::uint64_t fence = client.acquire(key, token).fencing_token;
         const Reply before = client.inspect(key);
         ASSERT_EQ(before.outcome, Outcome::held) << before.detail;
         EXPECT_EQ(before.holder, token);
         EXPECT_GE(before.fencing_token, fence);
         EXPECT_FALSE(before.kept);
         EXPECT_GT(before.remaining, long_term / 2);
         EXPECT_LE(before.remaining, long_term);
         fixture.settle(fixture.term());
         const Reply after = client.inspect(key);
         EXPECT_GT(after.remaining, long_term / 2);
         EXPECT_LE(after.remaining, before.remaining - fixture.term() + 2ms);
         ASSERT_EQ(client.release(key, token).outcome, Outcome::released);
         EXPECT_EQ(client.inspect(key).outcome, Outcome::free);
     },
     {},
     of_tokens},
    {"UnusualKeysAreKeysLikeOthers",
     [](BackendFixture& fixture) {
         Client first{fixture};
         Client second{fixture};
         for (const std::string& key : unusual_keys(fixture)) {
             const std::string token = new_token();
             const Reply reply = first.acquire(key, token);
             ASSERT_EQ(reply.outcome, Outcome::granted) << key << ": " << reply.detail;
             EXPECT_EQ(second.acquire(key, new_token()).holder, token) << key;
             EXPECT_EQ(fixture.raw_holder(key), token) << key;
         }
         for (const std::string& key : unusual_keys(fixture)) {
             const Reply reply = second.inspect(key);
             EXPECT_EQ(reply.outcome, Outcome::held) << key;
             EXPECT_EQ(first.release(key, reply.holder).outcome, Outcome::released) << key;
         }
     },
     {},
     of_tokens},
    {"ManyThreadsNeverShareALock",
     [](BackendFixture& fixture) {
         constexpr int threads = 8;
         constexpr int entries = 25;
         const std::string key = key_of(fixture);
         Client shared{fixture};
         std::atomic<int> inside{0};
         std::atomic<int> counter{0};
         std::atomic<int> wrong{0};
         std::vector<std::jthread> workers;
         for (int i = 0; i < threads; ++i) {
             workers.emplace_back([&, alone = i % 2 == 0] {
                 Client own{fixture};
                 for (int n = 0; n < entries && wrong == 0; ++n) {
                     if (!enter_once(alone ? own : shared, key, inside, counter)) ++wrong;
                 }
             });
         }
         workers.clear();
         EXPECT_EQ(wrong, 0);
         EXPECT_EQ(counter, threads * entries);
     }},
};

}  // namespace leaselock::testing::detail

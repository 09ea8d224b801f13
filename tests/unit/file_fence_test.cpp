// Goal: fencing tokens of files rise whatever becomes of the directory's `.fence`: what is cut off
// or says what cannot be is refused with its name, and what went back is not believed. Method: the
// file is written to between acquisitions, by backends that were there before and by new ones.
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/file.hpp>
#include <leaselock/leaselock.hpp>

#include "support/temp_dir.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using Numbers = std::array<std::uint64_t, 2>;

class FileFences : public ::testing::Test {
  protected:
    [[nodiscard]] LockManager make() const {
        LockManager locks{{.prefix = "", .backend = "files"}};
        locks.register_backend("files", make_file_backend({.directory = home_.path().string()}));
        return locks;
    }
    static std::uint64_t take(LockManager& locks, const std::string& key = "key") {
        auto lock = locks.acquire(key, {.ttl = 1min});
        return lock->fencing_token();
    }
    // Refused, and the text names the file; nothing is held afterwards.
    void expect_refused(LockManager& locks) const {
        try {
            (void)locks.acquire("key", {.ttl = 1min, .wait_timeout = 10min});
            ADD_FAILURE() << "granted";
        } catch (const LockError& error) {
            EXPECT_EQ(error.code(), Errc::directory_unusable);
            EXPECT_NE(std::string{error.what()}.find(fence_), std::string::npos) << error.what();
            EXPECT_NE(std::string{error.what()}.find("remove"), std::string::npos) << error.what();
        }
        EXPECT_FALSE(locks.inspect("key").held);
    }
    void put(const Numbers& numbers) const {
        std::array<char, sizeof numbers> bytes{};
        std::memcpy(bytes.data(), numbers.data(), bytes.size());
        std::ofstream{fence_, std::ios::binary}.write(bytes.data(), bytes.size());
    }
    [[nodiscard]] static std::uint64_t from_now(std::chrono::microseconds ahead) {
        const auto wall = std::chrono::system_clock::now().time_since_epoch() + ahead;
        return static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(wall).count());
    }

    support::TempDir home_;
    std::string fence_ = home_.file(".fence");
};

TEST_F(FileFences, HoldersReleaseWhenTheFileIsCutAndNobodyIsGrantedThen) {
    LockManager locks = make();
    LockManager others = make();
    auto lock = locks.acquire("key", {.ttl = 1min});
    const std::uint64_t first = lock->fencing_token();
    for (const std::uintmax_t size : {0U, 8U, 15U}) {
        std::filesystem::resize_file(fence_, size);
        EXPECT_NO_THROW(lock->extend(1min));
        EXPECT_EQ(lock->release(), ReleaseResult::released);
        expect_refused(locks);
        expect_refused(others);
        std::filesystem::remove(fence_);
        EXPECT_GT(take(others), first);
        lock = locks.acquire("key", {.ttl = 1min});
    }
    EXPECT_GT(lock->fencing_token(), first);
}

TEST_F(FileFences, WhatCannotBeIsNotBelieved) {
    LockManager before = make();
    const std::uint64_t first = take(before);
    const std::uint64_t two_days = from_now(48h);
    for (const Numbers& numbers :
         {Numbers{std::uint64_t{1} << 60U, 0}, Numbers{two_days, 0}, Numbers{0, two_days},
          Numbers{~std::uint64_t{0}, ~std::uint64_t{0}}, Numbers{0, ~std::uint64_t{0}}}) {
        put(numbers);
        LockManager fresh = make();
        expect_refused(before);
        expect_refused(fresh);
        std::filesystem::remove(fence_);
        EXPECT_GT(take(before), first);
    }
}

TEST_F(FileFences, TokensGoOnAboveWhatWasGivenAheadOfTheClock) {
    const std::uint64_t ahead = from_now(1h);
    put({ahead, 0});
    LockManager locks = make();
    const std::uint64_t first = take(locks);
    EXPECT_GT(first, ahead);
    LockManager fresh = make();
    EXPECT_GT(take(fresh), first);
    EXPECT_GT(take(fresh, "another"), first);
}

TEST_F(FileFences, WhatWentBackIsNotBelieved) {
    put({from_now(1h), 0});
    LockManager before = make();
    std::uint64_t last = take(before);
    const auto copy = std::filesystem::path{fence_ + "-copy"};
    std::filesystem::copy_file(fence_, copy);
    last = take(before);
    std::filesystem::copy_file(copy, fence_, std::filesystem::copy_options::overwrite_existing);
    LockManager fresh = make();
    for (LockManager* const locks : {&fresh, &before}) {
        const std::uint64_t next = take(*locks);
        EXPECT_GT(next, last);
        last = next;
    }
    put({0, 0});
    EXPECT_GT(take(before), last);
    std::filesystem::remove(fence_);
    EXPECT_GT(take(before), last);
}

// As long as its file is there, a key remembers what it was given.
TEST_F(FileFences, KeyThatIsHeldHandsOverAHigherTokenWhateverTheFileSays) {
    put({from_now(1h), 0});
    LockManager locks = make();
    LockManager waiter = make();
    auto lock = locks.acquire("key", {.ttl = 1min});
    std::uint64_t second = 0;
    std::jthread waits{[&] {
        second = waiter.acquire("key", {.ttl = 1min, .wait_timeout = 1min}).value().fencing_token();
    }};
    while (locks.inspect("key").waiting == 0) std::this_thread::yield();
    std::filesystem::remove(fence_);
    EXPECT_EQ(lock->release(), ReleaseResult::released);
    waits.join();
    EXPECT_GT(second, lock->fencing_token());
}

TEST_F(FileFences, RiseInTheOrderInWhichManyAreGranted) {
    std::mutex order;
    std::vector<std::uint64_t> given;
    {
        std::vector<std::jthread> all;
        for (int i = 0; i < 4; ++i) {
            all.emplace_back([&] {
                LockManager locks = make();
                for (int n = 0; n < 100; ++n) {
                    auto lock = locks.acquire("key", {.ttl = 1min, .wait_timeout = 1min});
                    const std::lock_guard guard{order};
                    given.push_back(lock->fencing_token());
                }
            });
        }
    }
    EXPECT_EQ(given.size(), 400U);
    for (std::size_t i = 1; i < given.size(); ++i) EXPECT_GT(given[i], given[i - 1]) << i;
}

}  // namespace
}  // namespace leaselock

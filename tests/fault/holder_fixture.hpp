// What the tests of holders in trouble share: a manager whose observer counts, a watch on lost(),
// and a count of two holders at once where nothing better is promised.
//
// Thread-safety: Told is for all threads; the rest is for the thread of its test.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include <leaselock/redis.hpp>

#include "fault/fault_fixture.hpp"
#include "support/fenced_store.hpp"
#include "support/history.hpp"
#include "support/history_check.hpp"
#include "support/temp_dir.hpp"

namespace leaselock::support {

// Short enough to wait for its end, and one that outlives the trouble of its test: its first
// renewal comes after a second, and two more are left to bear a slow machine.
constexpr milliseconds brief_ttl = 600ms;
constexpr milliseconds patient_ttl = 3s;

// Counts events, each kind for itself.
class Told final : public Observer {
  public:
    void on_acquired(const LockEvent&) override { ++acquired; }
    void on_renewed(const LockEvent&) override { ++renewed; }
    void on_lost(const LockEvent&) override { ++lost; }
    void on_released(const LockEvent&) override { ++released; }
    void on_error(const LockEvent& event) override {
        const std::lock_guard lock{mutex_};
        last_error_ = event.error;
    }
    void on_cleanup(const LockEvent& event) override {
        if (event.error == Errc{})
            ++cleaned;
        else
            ++given_up;
    }
    [[nodiscard]] Errc last_error() const {
        const std::lock_guard lock{mutex_};
        return last_error_;
    }

    std::atomic<int> acquired{0};
    std::atomic<int> renewed{0};
    std::atomic<int> lost{0};
    std::atomic<int> released{0};
    std::atomic<int> cleaned{0};
    std::atomic<int> given_up{0};

  private:
    mutable std::mutex mutex_;
    Errc last_error_{};
};

[[nodiscard]] inline LockManager told_manager(const std::shared_ptr<Told>& told,
                                              std::shared_ptr<Backend> backend,
                                              std::string owner = "me",
                                              milliseconds shutdown_timeout = 1s) {
    LockManager locks{{.prefix = "p:",
                       .owner = std::move(owner),
                       .backend = "redis",
                       .shutdown_timeout = shutdown_timeout,
                       .observer = told}};
    locks.register_backend("redis", std::move(backend));
    return locks;
}

// Counts how often a guard's lost() calls back, and notes when.
class LossWatch {
  public:
    explicit LossWatch(ScopedDistributedLock& lock) : callback_{lock.lost(), Note{this}} {}
    LossWatch(const LossWatch&) = delete;
    LossWatch& operator=(const LossWatch&) = delete;
    ~LossWatch() = default;

    [[nodiscard]] int fired() const noexcept { return fired_; }
    [[nodiscard]] bool fires(milliseconds limit = long_timeout) const {
        return poll_until([&] { return fired() > 0; }, limit);
    }

  private:
    struct Note {
        void operator()() const noexcept { ++watch->fired_; }
        LossWatch* watch;
    };
    std::atomic<int> fired_{0};
    std::stop_callback<Note> callback_;
};

// Asks until the answer is no, and answers when the last question that was answered by yes was
// asked. Nothing: it never was.
[[nodiscard]] inline std::optional<Clock::time_point> last_yes(const ScopedDistributedLock& lock) {
    std::optional<Clock::time_point> last;
    EXPECT_TRUE(poll_until([&] {
        const Clock::time_point asked = boot_clock()->now();
        if (!lock.owns_lock()) return true;
        last = asked;
        return false;
    }));
    return last;
}

// A holder that was notified in every way that it holds nothing any more.
inline void expect_lost(ScopedDistributedLock& lock) {
    EXPECT_FALSE(lock.owns_lock());
    EXPECT_EQ(lock.remaining(), 0ms);
    EXPECT_THROW(lock.ensure(), LockLost);
    std::error_code ec;
    lock.extend(1min, ec);
    EXPECT_EQ(ec, Errc::lost) << ec.message();
    EXPECT_FALSE(lock.owns_lock()) << "what is lost stays lost";
}

// Until when the holder believes, as far as it says now. Behind the first end: it was renewed.
[[nodiscard]] inline Clock::time_point believed_until(const ScopedDistributedLock& lock) {
    return boot_clock()->now() + lock.remaining();
}

// Two holders of "key" that both believe in it, since the server gave it twice. The first read
// before the second came, and writes after it. How often two held at once is reported, with what a
// store makes of it that checks fences, and one that does not.
class TwoHolders {
  public:
    // The first holder's, and what it reads.
    bool begin(LockManager& locks, milliseconds ttl) {
        std::error_code ec;
        first_ = RecordedLock::acquire(history_, locks, "key", {.ttl = ttl}, ec);
        EXPECT_TRUE(first_) << ec.message();
        if (!first_) return false;
        for (Store& store : stores_) store.read = store.store.read(fence(first_));
        return true;
    }
    // The second one's, from beginning to end, while the first believes; then the first goes on.
    void overlap(LockManager& locks) {
        std::error_code ec;
        second_ = RecordedLock::acquire(history_, locks, "key", {.ttl = 1min}, ec);
        ASSERT_TRUE(second_) << ec.message();
        EXPECT_TRUE(second_->owns_lock());
        EXPECT_TRUE(first_->owns_lock()) << "this test shows two holders";
        for (Store& store : stores_) {
            const auto read = store.store.read(fence(second_));
            ASSERT_TRUE(read);
            EXPECT_TRUE(store.store.write(*read, fence(second_)));
            (void)store.store.write(store.read.value_or(0), fence(first_));
        }
    }
    // What came of it. With fences nothing is lost, whatever happened.
    void tell(const char* what) {
        const Verdict verdict = check(history_.read(), Overlaps::may_be);
        const auto fenced = stores_[0].store.count();
        const auto bare = stores_[1].store.count();
        std::printf(
            "%s: %zu overlaps; updates lost: %llu with fences (%llu refused), %llu without\n", what,
            verdict.overlaps.size(), static_cast<unsigned long long>(fenced.lost),
            static_cast<unsigned long long>(fenced.refused),
            static_cast<unsigned long long>(bare.lost));
        ::testing::Test::RecordProperty("overlaps", static_cast<int>(verdict.overlaps.size()));
        EXPECT_EQ(verdict.overlaps.size(), 1U) << "the checker sees what has happened";
        EXPECT_TRUE(verdict.disorders.empty()) << verdict.text();
        EXPECT_EQ(fenced.lost, 0U);
        EXPECT_EQ(fenced.refused, 1U);
        EXPECT_EQ(bare.lost, 1U) << "without fences the first one's late write costs an update";
    }
    [[nodiscard]] ScopedDistributedLock& first() { return first_->lock(); }
    [[nodiscard]] ScopedDistributedLock& second() { return second_->lock(); }

  private:
    struct Store {
        FencedStore store;
        std::optional<FencedStore::Version> read{};
    };
    static std::uint64_t fence(std::optional<RecordedLock>& lock) {
        return lock->lock().fencing_token();
    }

    TempDir directory_;
    History history_{directory_.file("history")};
    std::array<Store, 2> stores_{Store{FencedStore{directory_.file("fenced"), FenceCheck::on}},
                                 Store{FencedStore{directory_.file("bare"), FenceCheck::off}}};
    std::optional<RecordedLock> first_;
    std::optional<RecordedLock> second_;
};

}  // namespace leaselock::support

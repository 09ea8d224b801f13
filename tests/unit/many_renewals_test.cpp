// Goal: of more renewals than may be under way at once none fails for that, those that wait go by
// their deadlines, and what is due at much the same time leaves together. Method: a store that
// holds the answers to renewals back until the test lets go of some, and a clock that stands still
// until it is moved.
#include <algorithm>
#include <deque>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/leaselock.hpp>
#include <leaselock/memory_backend.hpp>
#include <leaselock/testing/manual_clock.hpp>

#include "support/poll_until.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

class SlowToRenew final : public Backend {
  public:
    void submit(std::span<Operation* const> operations) noexcept override {
        for (Operation* const each : operations) {
            if (each->request.verb != Verb::renew) {
                store_.submit({&each, 1});
                continue;
            }
            const detail::MutexLock lock{mutex_};
            asked_.emplace_back(each->request.key);
            open_.push_back(each);
        }
    }
    void cancel(Operation& operation) noexcept override {
        {
            const detail::MutexLock lock{mutex_};
            const auto found = std::find(open_.begin(), open_.end(), &operation);
            if (found == open_.end()) return;
            open_.erase(found);
        }
        operation.fail(Errc::command_timed_out, {});
    }

    // Answers the oldest of those that are open.
    void let_go(std::size_t count) {
        for (; count > 0; --count) {
            Operation* first = nullptr;
            {
                const detail::MutexLock lock{mutex_};
                if (open_.empty()) return;
                first = open_.front();
                open_.pop_front();
            }
            store_.submit({&first, 1});
        }
    }
    [[nodiscard]] std::vector<std::string> asked() {
        const detail::MutexLock lock{mutex_};
        return asked_;
    }

  private:
    MemoryBackend store_;
    detail::Mutex mutex_;
    std::deque<Operation*> open_ LEASELOCK_GUARDED_BY(mutex_);
    std::vector<std::string> asked_ LEASELOCK_GUARDED_BY(mutex_);
};

class ManyRenewals : public ::testing::Test {
  protected:
    static constexpr std::size_t at_once = 4096;

    ManyRenewals() {
        locks_.register_backend("slow", store_);
        locks_.set_default_backend("slow");
    }
    void hold(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            held_.push_back(
                locks_.acquire("key-" + std::to_string(held_.size()), {.ttl = 30s}).value());
        }
    }
    void pass(Clock::duration time) {
        clock_->wait_for_background();
        clock_->advance(time);
        clock_->wait_for_background();
    }

    const std::shared_ptr<testing::ManualClock> clock_ =
        std::make_shared<testing::ManualClock>(testing::ManualClock::Sleep::blocking);
    const std::shared_ptr<SlowToRenew> store_ = std::make_shared<SlowToRenew>();
    LockManager locks_{{.prefix = "", .clock = clock_}};
    std::vector<ScopedDistributedLock> held_;
};

TEST_F(ManyRenewals, MoreThanMayBeUnderWayFailForNoRoom) {
    constexpr std::size_t count = 2 * at_once + 100;
    hold(count);
    pass(10s);
    EXPECT_EQ(store_->asked().size(), at_once) << "the others wait";
    while (locks_.stats().renewed < count) {
        const std::size_t before = store_->asked().size();
        ASSERT_LE(before - locks_.stats().renewed, at_once);
        store_->let_go(at_once);
        clock_->wait_for_background();
    }
    EXPECT_EQ(store_->asked().size(), count) << "once for each";
    EXPECT_EQ(locks_.stats().renewals_failed, 0U);
}

TEST_F(ManyRenewals, WaitInTheOrderOfTheirDeadlines) {
    hold(at_once + 3000);
    pass(8s);
    const auto brief = locks_.acquire("brief", {.ttl = 9s});  // due last, and over first
    ASSERT_TRUE(brief.has_value());
    pass(2s);
    EXPECT_EQ(store_->asked().size(), at_once);
    pass(1s);
    EXPECT_EQ(std::ranges::count(store_->asked(), "brief"), 0) << "or this shows nothing";
    store_->let_go(at_once / 2);
    clock_->wait_for_background();
    const auto asked = store_->asked();
    EXPECT_EQ(asked.size(), at_once + at_once / 2);
    EXPECT_EQ(std::ranges::count(asked, "brief"), 1);
    store_->let_go(2 * at_once);
}

TEST_F(ManyRenewals, ThatWaitAreLostAtTheirDeadlineAndWithTheirManager) {
    hold(at_once + 10);
    pass(10s);
    pass(20s);
    EXPECT_EQ(locks_.stats().lost, at_once + 10) << "whether sent or not";
    EXPECT_FALSE(held_.back().owns_lock());
    held_.clear();
    hold(at_once + 10);
    pass(10s);
    locks_ = LockManager{};
    EXPECT_FALSE(held_.back().owns_lock());
}

TEST_F(ManyRenewals, ThatAreDueSoonComeAlong) {
    for (int i = 0; i < 50; ++i) {
        hold(1);
        clock_->advance(100us);
    }
    const auto later = locks_.acquire("later", {.ttl = 30s + 60ms});
    ASSERT_TRUE(later.has_value());
    pass(10s - 5ms - 1ns);
    store_->let_go(1);
    clock_->wait_for_background();
    EXPECT_EQ(std::ranges::count(store_->asked(), "key-0"), 0);
    pass(1ns);
    EXPECT_EQ(std::ranges::count_if(store_->asked(),
                                    [](const std::string& key) { return key.starts_with("key-"); }),
              50);
    EXPECT_EQ(std::ranges::count(store_->asked(), "later"), 0);
}

// In a heap that is out of order what is due would be behind what is not.
TEST(RenewalsOfAllTtls, AreInTimeInWhateverStepsTheTimePasses) {
    const auto clock =
        std::make_shared<testing::ManualClock>(testing::ManualClock::Sleep::blocking);
    LockManager locks{{.clock = clock}};
    std::minstd_rand random{7};
    std::vector<ScopedDistributedLock> held;
    for (int i = 0; i < 300; ++i) {
        const std::chrono::milliseconds ttl{2000 + random() % 60'000};
        held.push_back(locks.acquire("key-" + std::to_string(i), {.ttl = ttl}).value());
        clock->wait_for_background();
        clock->advance(std::chrono::milliseconds{random() % 20});
    }
    for (int i = 0; i < 300; ++i) {
        clock->wait_for_background();
        clock->advance(std::chrono::milliseconds{random() % 600});
        if (i % 10 == 0) held.erase(held.begin() + static_cast<std::ptrdiff_t>(random() % 270));
    }
    clock->wait_for_background();
    EXPECT_EQ(locks.stats().lost, 0U);
    EXPECT_TRUE(std::ranges::all_of(held, &ScopedDistributedLock::owns_lock));
}

}  // namespace
}  // namespace leaselock

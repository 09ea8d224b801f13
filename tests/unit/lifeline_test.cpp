// Goal: a Core lives as long as its manager or one of its leases, and no longer, whichever thread
// makes a lease and whichever gives it back. Method: the uses of the Core are counted as leases
// come and go by themselves; and guards of several threads are destroyed by others while their
// manager ends, whose backend is gone when the last of them is.
#include "core/lifeline.hpp"

#include <array>
#include <atomic>
#include <gtest/gtest.h>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <leaselock/leaselock.hpp>
#include <leaselock/memory_backend.hpp>

#include "core/core.hpp"

namespace leaselock {
namespace {

using detail::Core;
using detail::Lifeline;

class LifelineTest : public ::testing::Test {
  protected:
    std::shared_ptr<Core> core_ = std::make_shared<Core>(ManagerOptions{});
    Lifeline line_{
        {&core_->runtime(), &core_->clock(), core_->runtime().origin(), core_->options().owner}};
};

TEST_F(LifelineTest, LeasesShareTheCoreWhenTheirManagerHasEnded) {
    Lifeline::Part& first = line_.add(core_, detail::own_number());
    Lifeline::Part* second = nullptr;
    std::thread{[&] { second = &line_.add(core_, detail::own_number()); }}.join();
    EXPECT_NE(&first, second) << "threads that do not meet";
    EXPECT_EQ(core_.use_count(), 1);
    line_.end(core_);
    EXPECT_EQ(core_.use_count(), 2);
    first.drop();
    EXPECT_EQ(core_.use_count(), 2);
    second->drop();
    EXPECT_EQ(core_.use_count(), 1);
}

TEST_F(LifelineTest, EndWithoutLeasesKeepsNothing) {
    line_.add(core_, detail::own_number()).drop();
    line_.end(core_);
    EXPECT_EQ(core_.use_count(), 1);
    line_.end(core_);
    EXPECT_EQ(core_.use_count(), 1);
}

TEST_F(LifelineTest, LeaseOfAnEndedManagerHasAShareOfItsOwn) {
    line_.end(core_);
    Lifeline::Part& late = line_.add(core_, detail::own_number());
    EXPECT_EQ(core_.use_count(), 2);
    EXPECT_EQ(&late.runtime(), &core_->runtime());
    late.drop();
    EXPECT_EQ(core_.use_count(), 1);
}

TEST_F(LifelineTest, ShareIsGivenBackOnceHoweverThreadsMeet) {
    for (int round = 0; round < 300; ++round) {
        Lifeline line{{&core_->runtime(), &core_->clock(), core_->runtime().origin(),
                       core_->options().owner}};
        std::array<Lifeline::Part*, 4> parts{};
        for (Lifeline::Part*& each : parts) each = &line.add(core_, detail::own_number());
        std::thread drops{[&] {
            for (Lifeline::Part* const each : parts) each->drop();
        }};
        line.end(core_);
        drops.join();
        ASSERT_EQ(core_.use_count(), 1) << round;
    }
}

TEST(LifelineOfAManager, BackendLivesAsLongAsTheLastGuardOfAnyThread) {
    constexpr int threads = 4;
    for (int round = 0; round < 30; ++round) {
        std::weak_ptr<Backend> gone;
        std::vector<ScopedDistributedLock> guards;
        {
            const auto backend = std::make_shared<MemoryBackend>();
            gone = backend;
            LockManager brief;
            brief.register_backend("store", backend);
            brief.set_default_backend("store");
            std::array<std::vector<ScopedDistributedLock>, threads> made;
            std::vector<std::thread> makers;
            for (int i = 0; i < threads; ++i) {
                makers.emplace_back([&, i] {
                    for (int key = 0; key < 5; ++key) {
                        made.at(static_cast<std::size_t>(i))
                            .emplace_back(brief, std::to_string(10 * i + key));
                    }
                });
            }
            for (std::thread& each : makers) each.join();
            for (auto& some : made) {
                for (auto& each : some) guards.push_back(std::move(each));
            }
        }
        ASSERT_FALSE(gone.expired());
        ScopedDistributedLock last = std::move(guards.back());
        guards.pop_back();
        std::atomic<std::size_t> next{0};
        std::vector<std::thread> enders;
        for (int i = 0; i < threads; ++i) {
            enders.emplace_back([&] {
                for (std::size_t at = next++; at < guards.size(); at = next++) {
                    const ScopedDistributedLock mine = std::move(guards[at]);
                }
            });
        }
        for (std::thread& each : enders) each.join();
        ASSERT_FALSE(gone.expired()) << "one is left";
        { const ScopedDistributedLock mine = std::move(last); }
        ASSERT_TRUE(gone.expired()) << round;
    }
}

}  // namespace
}  // namespace leaselock

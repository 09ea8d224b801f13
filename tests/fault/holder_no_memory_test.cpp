// Goal: a caller without memory gets bad_alloc or a code and no half of a lock: what was acquired
// meanwhile is released, a lock that is held stays as it was, and the next call works. Method:
// each allocation of the calling thread fails once, the n-th for each n that is reached, on a real
// redis-server. The number is that of the fault matrix.
#include <cstddef>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>

#include "fault/holder_fixture.hpp"

namespace {

thread_local long allocations_left = -1;  // -1: as many as wanted

bool may_allocate(std::size_t /*size*/) noexcept {
    if (allocations_left < 0) return true;
    return --allocations_left >= 0;
}

}  // namespace

#include "support/failing_new.hpp"

namespace leaselock {
namespace {

using namespace support;

// Runs the action with one allocation after the other failing, until it needs none of those that
// are left. Answers how many failed; what the action throws but bad_alloc is a failure.
template <typename Action, typename Check>
int fail_each_allocation(const Action& action, const Check& check) {
    constexpr long most = 1000;
    for (long n = 0; n < most; ++n) {
        bool is_thrown = false;
        allocations_left = n;
        try {
            action();
        } catch (const std::bad_alloc&) {
            is_thrown = true;
        }
        const bool has_failed = allocations_left < 0;
        allocations_left = -1;
        check(is_thrown, n);
        if (!has_failed) return static_cast<int>(n);
    }
    ADD_FAILURE() << "it allocates for ever";
    return 0;
}

class HolderNoMemory : public ::testing::Test {
  protected:
    [[nodiscard]] bool is_free() { return server_.cli("EXISTS", key_) == "0"; }

    const std::string key_ = "p:a-key-that-is-longer-than-a-short-string";
    const std::string name_ = key_.substr(2);
    RedisServer server_;
    std::shared_ptr<Told> told_ = std::make_shared<Told>();
    std::optional<LockManager> locks_{told_manager(told_, backend_on(server_.url()))};
    std::error_code ec_;
};

TEST_F(HolderNoMemory, Row45AcquireWithoutMemoryLeavesNoLockAndTheNextOneWorks) {
    for (const bool is_new : {true, false}) {
        std::optional<ScopedDistributedLock> lock;
        const int failed = fail_each_allocation(
            [&] { lock = locks_->acquire(name_, {.ttl = 10min}, ec_); },
            [&](bool is_thrown, long n) {
                EXPECT_EQ(lock.has_value(), !is_thrown && !ec_) << ec_.message() << " at " << n;
                lock.reset();
                EXPECT_TRUE(poll_until([&] { return is_free(); })) << "left behind at " << n;
                if (is_new) locks_.emplace(told_manager(told_, backend_on(server_.url())));
            });
        EXPECT_GT(failed, 0);
        expect_works(*locks_, name_);
        EXPECT_EQ(locks_->stats().held_now, 0U);
    }
}

TEST_F(HolderNoMemory, Row45HolderWithoutMemoryHoldsAsBeforeAndItsLossIsToldAfterwards) {
    ScopedDistributedLock lock{*locks_, name_, {.ttl = 1min}};
    milliseconds ttl = 1min;
    const int failed =
        fail_each_allocation([&] { (void)lock.lost(); }, [&](bool, long) { lock.ensure(); });
    EXPECT_GT(failed, 0);
    fail_each_allocation([&] { lock.extend(ttl += 1min, ec_); },
                         [&](bool is_thrown, long n) {
                             EXPECT_FALSE(is_thrown && lock.remaining() > ttl - 1min) << n;
                             lock.ensure();
                         });
    EXPECT_FALSE(ec_) << ec_.message();
    const LossWatch loss{lock};
    server_.cli("DEL", key_);
    lock.extend(ttl + 1min, ec_);
    EXPECT_EQ(ec_, Errc::lost) << ec_.message();
    EXPECT_TRUE(loss.fires());
}

// A release allocates nothing of its own: only a connection does.
TEST_F(HolderNoMemory, Row45ReleaseWithoutMemoryIsDeliveredAllTheSame) {
    for (const bool by_name : {true, false}) {
        for (long n = 0; n < 8; ++n) {
            std::optional<ScopedDistributedLock> lock{std::in_place, *locks_, name_,
                                                      LockOptions{.ttl = 10min}};
            allocations_left = n;
            if (by_name) (void)lock->release(ec_);
            lock.reset();
            allocations_left = -1;
            EXPECT_TRUE(poll_until([&] { return is_free(); })) << "left behind at " << n;
        }
    }
}

}  // namespace
}  // namespace leaselock

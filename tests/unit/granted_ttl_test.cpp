// Goal: a store may grant for less than was asked, or for more, and no lock is believed for longer
// than was asked and granted. Method: a toy store over the one in memory whose leases have a least
// and a longest ttl, on a clock that stands still until it is moved.
#include <algorithm>
#include <gtest/gtest.h>

#include <leaselock/memory_backend.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "core/hold_machine.hpp"
#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using detail::safety_margin;
using std::chrono::milliseconds;
using Sleep = testing::ManualClock::Sleep;

// Has sessions, or whole seconds: each lease is of a length that it likes.
class ToyStore final : public Backend {
  public:
    ToyStore(milliseconds least, milliseconds longest) : least_{least}, longest_{longest} {}

    using Backend::submit;

    void submit(std::span<Operation* const> operations) noexcept override {
        for (Operation* const each : operations) {
            Request request = each->request;
            request.ttl = std::clamp(request.ttl, least_, longest_);
            Operation inner{request};
            inner_.submit(inner);
            each->reply = std::move(inner.reply);
            if (request.ttl != each->request.ttl) each->reply.ttl = request.ttl;
            each->complete();
        }
    }

  private:
    const milliseconds least_;
    const milliseconds longest_;
    MemoryBackend inner_;
};

class GrantedTtl : public ::testing::Test {
  protected:
    // Moves the time, and waits until the manager has done what is due then.
    static void pass(ManagerWorld& world, Clock::duration time) {
        world.clock->wait_for_background();
        world.clock->advance(time);
        world.clock->wait_for_background();
    }
    static milliseconds believed(milliseconds ttl) {
        return std::chrono::floor<milliseconds>(ttl - safety_margin(ttl));
    }

    ManagerWorld short_{Sleep::blocking, std::make_shared<ToyStore>(1ms, 3s)};
    ManagerWorld long_{Sleep::blocking, std::make_shared<ToyStore>(20s, 24h)};
};

TEST_F(GrantedTtl, LeaseThatIsGrantedForLessIsBelievedForLess) {
    const auto lock = short_.manager.acquire("key", {.ttl = 30s, .renewal = Renewal::off});
    ASSERT_TRUE(lock);
    EXPECT_EQ(lock->remaining(), believed(3s));
    short_.clock->advance(3s - safety_margin(3s));
    EXPECT_FALSE(lock->owns_lock());
    EXPECT_TRUE(short_.other.inspect("key").held) << "the store keeps it a little longer";
}

TEST_F(GrantedTtl, LeaseThatIsGrantedForLessIsRenewedAtAThirdOfThatAndStays) {
    auto lock = short_.manager.acquire("key", {.ttl = 30s});
    ASSERT_TRUE(lock);
    for (int i = 0; i < 20; ++i) {
        pass(short_, 1s);
        ASSERT_EQ(lock->remaining(), believed(3s));
    }
    EXPECT_EQ(short_.manager.stats().renewed, 20U);
    EXPECT_FALSE(granted(short_.other.acquire("key")));
    EXPECT_EQ(lock->release(), ReleaseResult::released);
}

TEST_F(GrantedTtl, RenewalsThatFailEndALeaseAtTheEndOfWhatWasGranted) {
    const auto lock = short_.manager.acquire("key", {.ttl = 30s});
    ASSERT_TRUE(lock);
    pass(short_, 1s);
    short_.backend->fail_all({.error = Errc::connect_failed});
    pass(short_, 3s - safety_margin(3s) - 1ms);
    EXPECT_TRUE(lock->owns_lock());
    pass(short_, 1ms);
    EXPECT_FALSE(lock->owns_lock());
    short_.backend->heal();
}

TEST_F(GrantedTtl, ExtensionIsBelievedForWhatWasGranted) {
    auto lock = short_.manager.acquire("key", {.ttl = 2s});
    ASSERT_TRUE(lock);
    EXPECT_EQ(lock->remaining(), believed(2s));
    lock->extend(1min);
    EXPECT_EQ(lock->remaining(), believed(3s));
}

TEST_F(GrantedTtl, GrantForNextToNothingIsGivenBack) {
    ManagerWorld world{Sleep::blocking, std::make_shared<ToyStore>(1ms, 2ms)};
    std::error_code ec;
    EXPECT_FALSE(granted(world.manager.acquire("key", {.ttl = 30s}, ec)));
    EXPECT_EQ(ec, Errc::granted_too_late);
    world.clock->wait_for_background();
    EXPECT_EQ(world.backend->records().back().verb, Verb::release);
}

TEST_F(GrantedTtl, LeaseThatIsGrantedForMoreIsBelievedAsAsked) {
    auto lock = long_.manager.acquire("key", {.ttl = 3s});
    ASSERT_TRUE(lock);
    EXPECT_EQ(lock->remaining(), believed(3s));
    EXPECT_GT(long_.other.inspect("key").remaining, 19s);
    pass(long_, 1s);
    EXPECT_EQ(lock->remaining(), believed(3s));
    EXPECT_EQ(long_.manager.stats().renewed, 1U);
}

}  // namespace
}  // namespace leaselock

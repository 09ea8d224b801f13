// Goal: a holder whose server is stopped, killed, restarted, loading or cut off is never wrong
// about holding: it is held as long as it can be, lost at the deadline and told so once, and what
// its releases owe is delivered when the server is back. Method: a real redis-server, stopped and
// killed, and the weather machine before it. The numbers are those of the fault matrix.
#include <atomic>
#include <chrono>
#include <optional>
#include <thread>

#include <leaselock/testing/detail/granted.hpp>

#include "fault/holder_fixture.hpp"
#include "support/counter_key.hpp"
#include "support/weather_proxy.hpp"

namespace leaselock {
namespace {

using namespace support;
using Sky = WeatherProxy::Sky;

// Managers behind the weather machine, with a short command time-out.
class HolderOutage : public ::testing::Test {
  protected:
    explicit HolderOutage(std::vector<std::string> arguments = {})
        : server_{std::move(arguments)} {}

    ScopedDistributedLock hold(const LockOptions& options, const char* key = "key") {
        return ScopedDistributedLock{locks_, key, options};
    }
    [[nodiscard]] bool is_free(const std::string& key = "p:key") {
        return server_.cli("EXISTS", key) == "0";
    }
    [[nodiscard]] bool renews_again() {
        const int before = told_->renewed;
        return poll_until([&] { return told_->renewed > before; });
    }
    // Another process' view, as far as a lock of its own can tell.
    std::optional<ScopedDistributedLock> acquire_as_other() {
        return other_.acquire("key", {.ttl = 1min, .wait_timeout = long_timeout}, ec_);
    }

    RedisServer server_;
    WeatherProxy proxy_{server_.port()};
    std::shared_ptr<Told> told_ = std::make_shared<Told>();
    LockManager locks_ = told_manager(told_, backend_on(proxy_.url(), short_timeout));
    LockManager other_ = told_manager(std::make_shared<Told>(), backend_on(server_.url()), "other");
    std::error_code ec_;
};

class DurableOutage : public HolderOutage {
  protected:
    DurableOutage() : HolderOutage({"--appendonly", "yes", "--appendfsync", "always"}) {}
};

TEST_F(HolderOutage, Row12ServerStoppedForLessThanTheTtlCostsNoLockAndRenewalsGoOn) {
    auto lock = hold({.ttl = patient_ttl});
    const LossWatch loss{lock};
    const Clock::time_point first_end = boot_clock()->now() + patient_ttl;
    server_.pause();
    ASSERT_TRUE(poll_until([&] { return locks_.stats().renewals_failed > 0; }));
    server_.resume();
    ASSERT_TRUE(renews_again());
    EXPECT_GT(believed_until(lock), first_end);
    EXPECT_TRUE(lock.owns_lock());
    EXPECT_EQ(loss.fired(), 0);
    EXPECT_EQ(lock.release(ec_), ReleaseResult::released) << ec_.message();
    EXPECT_EQ(told_->lost, 0);
}

// Pain 1 and pain 18 of the survey too: told, and lost for good.
TEST_F(HolderOutage, Row13ServerStoppedForLongerThanTheTtlLosesTheHolderAtItsDeadline) {
    auto lock = hold({.ttl = brief_ttl});
    const LossWatch loss{lock};
    server_.pause();
    const Clock::time_point paused = boot_clock()->now();
    const auto last = last_yes(lock);
    ASSERT_TRUE(last) << "a server that is silent proves nothing before the deadline";
    EXPECT_LT(*last, paused + brief_ttl) << "no renewal can have been sent and answered later";
    ASSERT_TRUE(loss.fires(brief_ttl * patience));
    expect_lost(lock);
    server_.resume();
    auto next = acquire_as_other();
    ASSERT_TRUE(next) << ec_.message();
    EXPECT_GT(next->fencing_token(), lock.fencing_token());
    EXPECT_FALSE(lock.owns_lock()) << "not even if the server still agreed";
    EXPECT_EQ(lock.release(ec_), ReleaseResult::lost) << ec_.message();
    EXPECT_TRUE(next->owns_lock());
    EXPECT_EQ(loss.fired(), 1);
    EXPECT_TRUE(poll_until([&] { return told_->released == 1; }));
    EXPECT_EQ(told_->lost, 1);
}

// Pain 5 of the survey: the client gave up, the server goes on.
TEST_F(HolderOutage, Row14AcquireThatAStoppedServerRunsLateLeavesNothingAndTheDutyEnds) {
    // Released by hand, so that its answer is read: another one of unknown outcome would be owed,
    // too.
    ASSERT_EQ(hold({}, "warm").release(), ReleaseResult::released);
    server_.pause();
    EXPECT_FALSE(granted(locks_.acquire("key", {.ttl = 10min}, ec_)));
    EXPECT_EQ(ec_, Errc::command_timed_out) << ec_.message();
    EXPECT_EQ(locks_.stats().cleanups_now, 1U);
    server_.resume();
    EXPECT_TRUE(poll_until([&] { return locks_.stats().cleanups_now == 0; }));
    EXPECT_TRUE(is_free());
    EXPECT_TRUE(poll_until([&] { return told_->cleaned == 1; }));
    EXPECT_EQ(told_->given_up, 0);
    EXPECT_TRUE(acquire_as_other()) << ec_.message();
}

// The first half alone: no clean-up, so only the time that the command carries prevents a lock.
TEST_F(HolderOutage, Row14LateAcquireDoesNothingBehindItsTimeWithoutAnyCleanUp) {
    const auto backend = backend_on(server_.url(), short_timeout);
    ASSERT_EQ(run(*backend, Verb::acquire, "p:first", "me/1").outcome, Outcome::granted);
    const std::string before = info(server_, "commandstats", "cmdstat_evalsha");
    server_.pause();
    expect_failed(run(*backend, Verb::acquire, "p:key", "me/2", 10min), Errc::command_timed_out);
    server_.resume();
    ASSERT_TRUE(
        poll_until([&] { return info(server_, "commandstats", "cmdstat_evalsha") != before; }));
    EXPECT_TRUE(is_free()) << "it ran behind the time for which it was meant";
}

// The other half alone: the server's clock goes back, so that its late acquire is still in time and
// takes the lock; only the clean-up frees it.
TEST(HolderDuty, Row14LateAcquireThatIsStillInTimeIsReleasedByTheCleanUp) {
    RedisServer server{{}, WallClock::steppable};
    const auto told = std::make_shared<Told>();
    LockManager locks = told_manager(told, backend_on(server.url(), short_timeout));
    expect_works(locks);
    const std::string before = server.cli("GET", counter_key("p:", "key"));
    server.pause();
    std::error_code ec;
    EXPECT_FALSE(granted(locks.acquire("key", {.ttl = 10min}, ec)));
    server.step_clock(-2s);
    server.resume();
    EXPECT_TRUE(poll_until([&] { return server.cli("GET", counter_key("p:", "key")) != before; }))
        << "the fence says that there was a grant";
    EXPECT_TRUE(poll_until([&] { return server.cli("EXISTS", "p:key") == "0"; }));
    EXPECT_TRUE(poll_until([&] { return locks.stats().cleanups_now == 0; }))
        << "the duty ends when the server's clock is behind the acquire's time";
    EXPECT_TRUE(poll_until([&] { return told->cleaned == 1; }));
    EXPECT_EQ(server.cli("EXISTS", "p:key"), "0");
}

TEST_F(DurableOutage, Row15KilledServerThatKeepsItsDataKeepsTheHolderAndRenewsItAgain) {
    constexpr milliseconds ttl = 2 * patient_ttl;
    auto lock = hold({.ttl = ttl});
    const Clock::time_point first_end = boot_clock()->now() + ttl;
    server_.kill9();
    server_.restart();
    ASSERT_TRUE(renews_again());
    EXPECT_FALSE(granted(other_.acquire("key", {}, ec_)));
    EXPECT_EQ(ec_, Errc::held) << ec_.message();
    EXPECT_GT(believed_until(lock), first_end);
    lock.ensure();
    EXPECT_EQ(lock.release(ec_), ReleaseResult::released) << ec_.message();
    EXPECT_EQ(told_->lost, 0);
    auto next = acquire_as_other();
    ASSERT_TRUE(next) << ec_.message();
    EXPECT_GT(next->fencing_token(), lock.fencing_token());
}

// Documented as unsafe: a server without its data grants again what is held.
TEST_F(HolderOutage, Row16KilledServerThatForgetsGrantsTwiceWithAHigherFenceAndTheFirstIsTold) {
    TwoHolders holders;
    ASSERT_TRUE(holders.begin(locks_, patient_ttl));
    const LossWatch loss{holders.first()};
    server_.kill9();
    server_.restart();
    holders.overlap(other_);
    holders.tell("killed without persistence");
    ASSERT_TRUE(loss.fires()) << "the next renewal is answered by no";
    expect_lost(holders.first());
    EXPECT_TRUE(holders.second().owns_lock());
    EXPECT_EQ(holders.first().release(ec_), ReleaseResult::lost) << ec_.message();
    EXPECT_EQ(server_.cli("EXISTS", "p:key"), "1");
}

// Each key takes the server 2 ms to load.
TEST(HolderLoading, Row17LoadingServerIsNoLossAndIsAskedAgain) {
    RedisServer server{
        {"--enable-debug-command", "yes", "--loading-process-events-interval-bytes", "1024"}};
    const auto told = std::make_shared<Told>();
    LockManager locks = told_manager(told, backend_on(server.url()));
    ScopedDistributedLock lock{locks, "key", {.ttl = 30s}};
    server.cli("DEBUG", "POPULATE", "500");
    server.cli("CONFIG", "SET", "key-load-delay", "2000");
    std::jthread reloader{[&] { EXPECT_EQ(server.cli("DEBUG", "RELOAD"), "OK"); }};
    std::error_code ec;
    EXPECT_TRUE(poll_until([&] {
        lock.extend(1min, ec);
        return ec == Errc::loading;
    }));
    lock.ensure();
    EXPECT_FALSE(granted(locks.acquire("other-key", {}, ec)));
    EXPECT_EQ(ec, Errc::loading) << ec.message();
    reloader.join();
    lock.extend(2min);
    EXPECT_GT(lock.remaining(), 1min);
    EXPECT_EQ(lock.release(ec), ReleaseResult::released) << ec.message();
    EXPECT_EQ(told->lost, 0);
}

// Pain 2 of the survey: renewals that fail are tried again until the deadline.
TEST_F(HolderOutage, Row40RenewalsCutOffForLessThanTheLeaseLoseNothing) {
    auto lock = hold({.ttl = patient_ttl});
    const LossWatch loss{lock};
    const Clock::time_point first_end = boot_clock()->now() + patient_ttl;
    proxy_.set_sky(Sky::silence);
    ASSERT_TRUE(poll_until([&] { return locks_.stats().renewals_failed > 0; }));
    EXPECT_TRUE(lock.owns_lock());
    proxy_.set_sky(Sky::clear);
    proxy_.drop_all();
    ASSERT_TRUE(renews_again());
    EXPECT_GT(believed_until(lock), first_end);
    lock.ensure();
    EXPECT_EQ(loss.fired() + told_->lost, 0);
}

TEST_F(HolderOutage, Row41RenewalsCutOffForLongerLoseOnceAndTheNextAcquireIsRenewed) {
    auto lock = hold({.ttl = brief_ttl});
    const LossWatch loss{lock};
    proxy_.set_sky(Sky::silence);
    ASSERT_TRUE(loss.fires());
    expect_lost(lock);
    proxy_.set_sky(Sky::clear);
    proxy_.drop_all();
    auto next = locks_.acquire("key", {.ttl = patient_ttl, .wait_timeout = long_timeout}, ec_);
    ASSERT_TRUE(next) << ec_.message();
    EXPECT_GT(next->fencing_token(), lock.fencing_token());
    ASSERT_TRUE(renews_again());
    EXPECT_TRUE(next->owns_lock());
    EXPECT_FALSE(lock.owns_lock());
    EXPECT_EQ(loss.fired(), 1);
    EXPECT_EQ(told_->lost, 1);
}

// Pain 4 of the survey: a destructor neither throws nor waits, and what it owes is delivered.
TEST_F(DurableOutage, Row43DestructorOnADeadServerReturnsAtOnceAndTheReleaseArrivesLater) {
    for (const bool is_dead : {true, false}) {
        LockManager locks = told_manager(told_, backend_on(server_.url()));
        std::optional<ScopedDistributedLock> lock{std::in_place, locks, "key",
                                                  LockOptions{.ttl = 10min}};
        is_dead ? server_.kill9() : server_.pause();
        const auto took = time_of([&] { lock.reset(); });
        EXPECT_LT(took, long_timeout / patience) << "it would wait for " << long_timeout.count();
        is_dead ? server_.restart() : server_.resume();
        EXPECT_TRUE(poll_until([&] { return is_free(); })) << "in spite of ten minutes of ttl";
        EXPECT_TRUE(poll_until([&] { return locks.stats().cleanups_now == 0; }));
    }
}

TEST_F(HolderOutage, Row43DestructorOfAManagerIsBoundedByItsShutdownTimeout) {
    constexpr milliseconds bound = 200ms;
    std::optional<LockManager> locks{told_manager(told_, backend_on(server_.url()), "me", bound)};
    std::optional<ScopedDistributedLock> lock{std::in_place, *locks, "key"};
    server_.pause();
    lock.reset();
    const auto took = time_of([&] { locks.reset(); });
    EXPECT_LT(took, 2 * bound * patience) << "the command alone would take longer";
    EXPECT_EQ(told_->given_up, 1) << "it says that it left the lock to its ttl";
}

// Pain 13 of the survey: one deadline for connecting, commands and pauses together.
TEST_F(HolderOutage, WaitIsOverInTimeWhateverTheServerIsAt) {
    constexpr milliseconds wait = 300ms;
    const auto wait_once = [&](const char* what) {
        LockManager locks = told_manager(told_, backend_on(proxy_.url()), "me", 0ms);
        const auto took = time_of([&] {
            EXPECT_FALSE(granted(locks.acquire("key", {.wait_timeout = wait}, ec_))) << what;
        });
        EXPECT_TRUE(ec_ == Family::unavailable || ec_ == Family::unknown) << ec_.message();
        EXPECT_GE(took, wait) << what;
        EXPECT_LT(took, (wait + 2 * 250ms) * patience) << what;
    };
    for (const Sky sky : {Sky::refuse, Sky::stall, Sky::silence}) {
        proxy_.set_sky(sky);
        wait_once("bad weather");
        proxy_.set_sky(Sky::clear);
    }
}

// Pain 25 of the survey: after a release that failed the guard holds nothing, and to hold again is
// to ask the server.
TEST_F(HolderOutage, GuardHoldsNothingAfterAReleaseThatFailed) {
    auto lock = hold({.ttl = 10min});
    const LossWatch loss{lock};
    server_.pause();
    EXPECT_EQ(lock.release(ec_), ReleaseResult::unknown);
    EXPECT_EQ(ec_, Family::unknown) << ec_.message();
    EXPECT_FALSE(lock.owns_lock());
    EXPECT_EQ(lock.release(), ReleaseResult::not_held);
    EXPECT_FALSE(granted(locks_.acquire("key", {}, ec_))) << "not from memory";
    server_.resume();
    EXPECT_TRUE(acquire_as_other()) << ec_.message();
    EXPECT_EQ(loss.fired(), 0) << "a release is no loss";
}

}  // namespace
}  // namespace leaselock

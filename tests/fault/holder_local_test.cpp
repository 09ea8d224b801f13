// Goal: what a program does to itself - starves the library's threads, releases while a renewal is
// under way, throws, blocks in callbacks, releases twice, asks for nonsense - costs no lock and
// makes nobody wrong about holding. Method: real threads on a real redis-server. The numbers are
// those of the fault matrix.
#include <atomic>
#include <filesystem>
#include <functional>
#include <future>
#include <optional>
#include <sched.h>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/testing/detail/granted.hpp>
#include <leaselock/with_lock.hpp>

#include "fault/holder_fixture.hpp"
#include "support/leaks.hpp"

namespace leaselock {
namespace {

using namespace support;

class HolderLocal : public ::testing::Test {
  protected:
    [[nodiscard]] bool is_free(const std::string& key = "p:key") {
        return server_.cli("EXISTS", key) == "0";
    }
    [[nodiscard]] LockManager manager_with(std::shared_ptr<Observer> observer) {
        LockManager locks{
            {.prefix = "p:", .owner = "me", .backend = "redis", .observer = std::move(observer)}};
        locks.register_backend("redis", backend_on(server_.url()));
        return locks;
    }

    // Holds for so long, and releases by name or by its end.
    void hold_until(const std::string& key, const LockOptions& options, milliseconds time,
                    bool by_name) {
        std::error_code ec;
        auto lock = locks_.acquire(key, options, ec);
        // On a busy machine a lease of ten milliseconds may be over before it is granted.
        EXPECT_TRUE(lock || ec == Errc::granted_too_late) << ec.message();
        if (!lock) return;
        const auto until = boot_clock()->now() + time;
        while (boot_clock()->now() < until) std::this_thread::yield();
        if (by_name) (void)lock->release(ec);
    }

    RedisServer server_;
    std::shared_ptr<Told> told_ = std::make_shared<Told>();
    LockManager locks_ = told_manager(told_, backend_on(server_.url()));
    LockManager other_ = told_manager(std::make_shared<Told>(), backend_on(server_.url()), "other");
    std::error_code ec_;
};

// --- threads ---

std::set<pid_t> own_threads() {
    std::set<pid_t> threads;
    for (const auto& each : std::filesystem::directory_iterator{"/proc/self/task"}) {
        threads.insert(std::stoi(each.path().filename()));
    }
    return threads;
}

// From now on they run only when nobody else wants to.
void starve(const std::set<pid_t>& threads) {
    const sched_param none{};
    for (const pid_t each : threads) EXPECT_EQ(::sched_setscheduler(each, SCHED_IDLE, &none), 0);
}

TEST_F(HolderLocal, Row39HolderWhoseThreadsAreStarvedIsLostInTimeAndNeverLate) {
    const TempDir directory;
    History history{directory.file("history")};
    expect_works(other_);
    const std::set<pid_t> before = own_threads();
    auto lock = RecordedLock::acquire(history, locks_, "key", {.ttl = brief_ttl}, ec_);
    ASSERT_TRUE(lock) << ec_.message();
    const LossWatch loss{lock->lock()};
    std::set<pid_t> threads = own_threads();
    for (const pid_t each : before) threads.erase(each);
    ASSERT_FALSE(threads.empty()) << "the library has no threads";
    starve(threads);
    {
        std::vector<std::jthread> spinning;
        for (int i = 0; i < 64; ++i) {
            spinning.emplace_back([](const std::stop_token& stop) {
                while (!stop.stop_requested()) {
                }
            });
        }
        std::jthread waiter{[&] {
            std::error_code ec;
            auto next = RecordedLock::acquire(
                history, other_, "key", {.wait_timeout = long_timeout, .retry_delay = 5ms}, ec);
            EXPECT_TRUE(next && next->owns_lock()) << ec.message();
        }};
        const auto until = boot_clock()->now() + 2 * brief_ttl;
        (void)poll_until([&] { return !lock->owns_lock() || boot_clock()->now() > until; });
        // Either its threads came through, or it has lost; both are right, and both are over now.
        if (!lock->owns_lock()) {
            for (std::jthread& each : spinning) each.request_stop();
            EXPECT_TRUE(loss.fires()) << "as soon as its thread runs";
        }
        (void)lock->lock().release(ec_);
    }
    EXPECT_EQ(check(history.read()).text(), "");
    EXPECT_EQ(history.read().size(), 2U);
}

// Pain 3 of the survey: a renewal that outlives its release.
TEST_F(HolderLocal, Row42ReleasesThatRaceWithRenewalsLeaveNothingThatIsRenewed) {
    constexpr int rounds = 100'000;
    constexpr int threads = 4;
    std::vector<std::jthread> running;
    for (int i = 0; i < threads; ++i) {
        running.emplace_back([this, key = "key" + std::to_string(i)] {
            // A hundred thousand in memory, of which some are held until they are renewed.
            const LockOptions local{.ttl = min_ttl, .backend = "memory"};
            for (int n = 0; n < rounds / threads; ++n) {
                hold_until(key, local, n % 64 == 0 ? min_ttl / 3 : 0ms, n % 2 == 0);
            }
            const LockOptions remote{.ttl = 30ms, .wait_timeout = long_timeout};
            for (int n = 0; n < 100; ++n) hold_until(key, remote, 10ms, n % 2 == 0);
        });
    }
    running.clear();
    EXPECT_TRUE(poll_until([&] { return locks_.stats().cleanups_now == 0; }));
    EXPECT_EQ(locks_.stats().held_now, 0U);
    EXPECT_GT(locks_.stats().renewed, 0U) << "there was nothing to race with";
    for (int i = 0; i < threads; ++i) {
        EXPECT_TRUE(poll_until([&] { return is_free("p:key" + std::to_string(i)); }));
    }
    const auto scripts = [&] { return info(server_, "commandstats", "cmdstat_evalsha"); };
    const std::string before = scripts();
    const auto later = boot_clock()->now() + 100ms;
    ASSERT_TRUE(poll_until([&] { return boot_clock()->now() > later; }));
    EXPECT_EQ(scripts(), before) << "thirty renewals would have been due";
}

// --- exceptions ---

TEST_F(HolderLocal, Row44ExceptionInASectionReleasesTheLock) {
    const auto fail = [] { throw std::runtime_error("of the user"); };
    EXPECT_THROW(with_lock(locks_, "key", {.ttl = 10min}, fail), std::runtime_error);
    EXPECT_TRUE(poll_until([&] { return is_free(); }));
    expect_works(locks_, "key");
    EXPECT_EQ(told_->lost, 0);
}

// Throws, or blocks while it is set to, whatever the event.
class Troublesome final : public Observer {
  public:
    explicit Troublesome(std::function<void()> trouble) : trouble_{std::move(trouble)} {}
    void on_acquired(const LockEvent&) override { hear(); }
    void on_contended(const LockEvent&) override { hear(); }
    void on_renewed(const LockEvent&) override { hear(); }
    void on_lost(const LockEvent&) override { hear(); }
    void on_released(const LockEvent&) override { hear(); }
    void on_error(const LockEvent&) override { hear(); }
    void on_cleanup(const LockEvent&) override { hear(); }

    std::atomic<int> heard{0};

  private:
    void hear() {
        ++heard;
        trouble_();
    }
    std::function<void()> trouble_;
};

TEST_F(HolderLocal, Row44And70ObserverThatThrowsCostsNoLockAndHearsTheRest) {
    const auto observer =
        std::make_shared<Troublesome>([] { throw std::runtime_error("of the observer"); });
    LockManager locks = manager_with(observer);
    for (int i = 0; i < 3; ++i) expect_works(locks, "key");
    EXPECT_TRUE(poll_until([&] { return observer->heard == 6; }));
    ScopedDistributedLock lock{locks, "key", {.ttl = patient_ttl}};
    const LossWatch loss{lock};
    server_.cli("DEL", "p:key");
    EXPECT_TRUE(loss.fires());
    EXPECT_TRUE(poll_until([&] { return observer->heard == 8; })) << "acquired and lost";
    expect_works(locks, "key");
}

TEST_F(HolderLocal, Row70ObserverThatBlocksHoldsUpNoRenewalNoReleaseAndNoAcquire) {
    std::promise<void> go_on;
    const std::shared_future<void> gone = go_on.get_future().share();
    const auto observer = std::make_shared<Troublesome>([gone] { gone.wait(); });
    LockManager locks = manager_with(observer);
    std::optional<ScopedDistributedLock> lock{std::in_place, locks, "key",
                                              LockOptions{.ttl = patient_ttl}};
    const auto first_end = boot_clock()->now() + patient_ttl;
    ASSERT_TRUE(poll_until([&] { return observer->heard == 1; }));
    ASSERT_TRUE(poll_until([&] { return locks.stats().renewed > 0; }));
    EXPECT_GT(believed_until(*lock), first_end);
    for (int i = 0; i < 3; ++i) expect_works(locks, "other");
    lock.reset();
    EXPECT_TRUE(poll_until([&] { return is_free(); }));
    EXPECT_EQ(observer->heard, 1) << "it blocks still";
    go_on.set_value();
    EXPECT_TRUE(poll_until([&] { return observer->heard >= 9; }));
}

// --- nonsense ---

TEST_F(HolderLocal, Row59KeyOfAnyBytesIsALockOrATypedErrorBeforeAnyCommand) {
    using namespace std::string_literals;
    for (const std::string& key :
         {" "s, "a b\t"s, "\xff\xfe"s, "$3\\x"s, "*"s, "{tag}key"s, std::string(500, 'k')}) {
        expect_works(locks_, key);
    }
    const std::string before = info(server_, "commandstats", "cmdstat_evalsha");
    for (const std::string& key :
         {""s, "a\0b"s, "a\r\nb"s, "\n"s, std::string(513, 'k'), std::string(1 << 20, 'k')}) {
        EXPECT_FALSE(granted(locks_.acquire(key, {}, ec_)));
        EXPECT_EQ(ec_, Errc::invalid_key) << ec_.message();
    }
    for (const Duration ttl : {Duration{0ms}, Duration{-1ms}, Duration{1ms}, Duration{9ms},
                               Duration{24h + 1ms}, Duration{milliseconds::max()}}) {
        EXPECT_FALSE(granted(locks_.acquire("key", {.ttl = ttl}, ec_)));
        EXPECT_EQ(ec_, Errc::invalid_option) << ec_.message();
    }
    EXPECT_EQ(info(server_, "commandstats", "cmdstat_evalsha"), before);
}

// A ttl that reached the server as 0 would delete the key.
TEST_F(HolderLocal, Row59ExtensionByNonsenseIsRefusedAndTheLockStays) {
    ScopedDistributedLock lock{locks_, "key", {.ttl = 1min}};
    for (const Duration ttl : {Duration{0ms}, Duration{-1ms}, Duration{milliseconds::max()}}) {
        lock.extend(ttl, ec_);
        EXPECT_EQ(ec_, Errc::invalid_option) << ec_.message();
    }
    lock.ensure();
    EXPECT_EQ(lock.release(ec_), ReleaseResult::released) << ec_.message();
}

TEST_F(HolderLocal, Row61LockIsNotTakenTwiceNorReleasedTwiceNorByAGuardThatWasMovedFrom) {
    ScopedDistributedLock lock{locks_, "key", {.ttl = 10min}};
    EXPECT_FALSE(granted(locks_.acquire("key", {}, ec_)))
        << "not even by the same manager and thread";
    EXPECT_EQ(ec_, Errc::held) << ec_.message();
    ScopedDistributedLock moved{std::move(lock)};
    EXPECT_FALSE(lock.owns_lock());  // NOLINT(bugprone-use-after-move): it says what is left
    EXPECT_EQ(lock.release(), ReleaseResult::not_held);
    EXPECT_FALSE(is_free());
    std::jthread{[&] { EXPECT_EQ(moved.release(), ReleaseResult::released); }}.join();
    const auto next = other_.acquire("key", {}, ec_);
    ASSERT_TRUE(next) << ec_.message();
    EXPECT_EQ(moved.release(), ReleaseResult::not_held);
    EXPECT_FALSE(is_free()) << "the next one's";
}

TEST_F(HolderLocal, Row67ManagersOfOnePrefixWithOtherOptionsExcludeEachOther) {
    LockManager brief{{.prefix = "p:", .default_ttl = brief_ttl, .backend = "redis"}};
    brief.register_backend("redis", backend_on(server_.url()));
    for (LockManager* const first : {&brief, &locks_}) {
        LockManager& second = first == &brief ? locks_ : brief;
        auto lock = first->acquire("key", {}, ec_);
        ASSERT_TRUE(lock) << ec_.message();
        EXPECT_FALSE(granted(second.acquire("key", {}, ec_)));
        EXPECT_EQ(ec_, Errc::held) << ec_.message();
        EXPECT_EQ(lock->release(ec_), ReleaseResult::released) << ec_.message();
        const auto next = second.acquire("key", {.renewal = Renewal::off}, ec_);
        ASSERT_TRUE(next) << ec_.message();
        EXPECT_GT(next->fencing_token(), lock->fencing_token());
    }
}

// Pain 22 of the survey.
TEST_F(HolderLocal, RenewalIsCappedByMaxHoldAndSwitchedOffByOption) {
    ScopedDistributedLock capped{locks_, "capped", {.ttl = brief_ttl, .max_hold = 2 * brief_ttl}};
    ScopedDistributedLock off{locks_, "off", {.ttl = brief_ttl, .renewal = Renewal::off}};
    const auto granted = boot_clock()->now();
    const LossWatch of_capped{capped};
    const LossWatch of_off{off};
    const auto last = last_yes(off);
    ASSERT_TRUE(last);
    EXPECT_LT(*last, granted + brief_ttl);
    ASSERT_TRUE(of_off.fires());
    const auto last_of_capped = last_yes(capped);
    ASSERT_TRUE(last_of_capped) << "it was renewed until then";
    EXPECT_LT(*last_of_capped, granted + 2 * brief_ttl);
    ASSERT_TRUE(of_capped.fires());
    for (const char* key : {"p:capped", "p:off"}) {
        EXPECT_TRUE(poll_until([&] { return is_free(key); })) << "nobody renews it: " << key;
    }
}

}  // namespace
}  // namespace leaselock

// Goal: nobody waits for somebody else's server. A server that is stopped, dead or slow costs no
// lock of another backend its lease, and no wait, coroutine or release there its time. Method: one
// manager with locks at two servers and in a directory, whose commands are never given up by
// themselves while the test lasts; one of the servers gets into trouble under its feet. A bound is
// ten times the promise, and far below the command time-out. Of files: what comes before what, by
// a clock that is moved by hand.
#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>

#include <leaselock/testing/detail/granted.hpp>
#include <leaselock/testing/manual_clock.hpp>

#include "fault/backends.hpp"
#include "support/file_intruder.hpp"

namespace leaselock {
namespace {

using namespace support;

// How long a call at a healthy backend may take; it has milliseconds to do.
constexpr milliseconds at_once = 1s;

class HealthyBackends : public ::testing::TestWithParam<Trouble> {
  protected:
    HealthyBackends() {
        locks_->register_backend("troubled", backend_on(troubled_.url(), patient_command));
        locks_->register_backend("healthy", backend_on(healthy_.url(), patient_command));
        locks_->register_backend("files", make_file_backend({.directory = home_.file("locks")}));
        for (const char* backend : {"troubled", "healthy", "files"}) hold(backend);
    }
    void hold(const std::string& backend) {
        held_.push_back(locks_->acquire("held", {.ttl = watched_ttl, .backend = backend}));
        ASSERT_TRUE(held_.back());
    }
    // Each lock was renewed.
    void await_renewals() {
        ASSERT_TRUE(poll_until([&] { return locks_->stats().renewed >= held_.size(); }));
    }
    void begin_trouble() { troubled_.begin(GetParam()); }

    TroubledServer troubled_;
    RedisServer healthy_;
    TempDir home_;
    std::optional<LockManager> locks_{
        ManagerOptions{.prefix = "p:", .owner = "me", .shutdown_timeout = short_timeout}};
    std::vector<std::optional<ScopedDistributedLock>> held_;  // in the order of the backends
};

TEST_P(HealthyBackends, RenewTheirLeasesInTime) {
    await_renewals();
    begin_trouble();
    LeaseMeter watch;
    watch.add("healthy", *held_[1], watched_ttl);
    watch.add("files", *held_[2], watched_ttl);
    for (const auto& lease : watch.watch(watched_ttl)) {
        EXPECT_FALSE(lease.is_lost) << lease.name;
        EXPECT_GT(lease.least, least_share) << lease.name;
    }
}

TEST_P(HealthyBackends, EndTheirWaitsInTime) {
    begin_trouble();
    constexpr milliseconds wait = 300ms;
    for (const char* backend : {"troubled", "healthy", "files"}) {
        const LockOptions options{.ttl = watched_ttl, .wait_timeout = wait, .backend = backend};
        const auto took = time_of([&] {
            const AsyncCall other{*locks_, "held", options};
            std::error_code ec;
            EXPECT_FALSE(granted(locks_->acquire("held", options, ec)));
            EXPECT_TRUE(other.ends());
            EXPECT_FALSE(other.has_lock());
        });
        EXPECT_LT(took, patience * (wait + 250ms)) << backend;
    }
}

TEST_P(HealthyBackends, GoOnWithTheirCoroutines) {
    begin_trouble();
    const LockOptions waits{.ttl = watched_ttl, .wait_timeout = forever, .backend = "troubled"};
    const AsyncCall one{*locks_, "held", waits};
    const AsyncCall another{*locks_, "free", waits};
    for (int round = 0; round < 5; ++round) {
        for (const char* backend : {"healthy", "files"}) {
            const auto took = time_of([&] {
                // The release of the round before may be on its way yet.
                const AsyncCall call{
                    *locks_,
                    "free",
                    {.ttl = watched_ttl, .wait_timeout = 1min, .backend = backend}};
                EXPECT_TRUE(call.ends());
                EXPECT_TRUE(call.has_lock()) << call.error().message();
            });
            EXPECT_LT(took, at_once) << backend;
        }
    }
}

TEST_P(HealthyBackends, GetTheReleasesOfDestructors) {
    begin_trouble();
    held_.clear();
    for (const char* backend : {"healthy", "files"}) {
        EXPECT_TRUE(poll_until([&] { return !locks_->inspect("held", backend).held; }, at_once))
            << backend;
    }
}

TEST_P(HealthyBackends, GetTheReleasesThatAreOwedAtTheManagersEndInItsTime) {
    auto reader = make_file_backend({.directory = home_.file("locks")});
    begin_trouble();
    held_.clear();
    EXPECT_LT(time_of([&] { locks_.reset(); }), patience * short_timeout);
    EXPECT_EQ(healthy_.cli("EXISTS", "p:held"), "0");
    EXPECT_EQ(run(*reader, Verb::inspect, "p:held", {}).outcome, Outcome::free);
}

INSTANTIATE_TEST_SUITE_P(Beside, HealthyBackends,
                         ::testing::Values(Trouble::stopped, Trouble::killed, Trouble::slow),
                         ::testing::PrintToStringParamName());

// Two servers behind one backend, as the nodes of a cluster.
class Router final : public Backend {
  public:
    Router(std::shared_ptr<Backend> troubled, std::shared_ptr<Backend> healthy)
        : troubled_{std::move(troubled)}, healthy_{std::move(healthy)} {}

    using Backend::submit;
    void submit(std::span<Operation* const> operations) noexcept override {
        for (Operation* const each : operations) at(each->request.key).submit({&each, 1});
    }
    bool help(Operation& operation, Clock::time_point until) noexcept override {
        return at(operation.request.key).help(operation, until);
    }
    void cancel(Operation& operation) noexcept override {
        at(operation.request.key).cancel(operation);
    }
    void forget(Listener& listener) noexcept override { at(listener.key()).forget(listener); }

  private:
    [[nodiscard]] Backend& at(std::string_view key) const noexcept {
        return key.starts_with("p:troubled") ? *troubled_ : *healthy_;
    }

    const std::shared_ptr<Backend> troubled_;
    const std::shared_ptr<Backend> healthy_;
};

class HealthyNode : public ::testing::TestWithParam<Trouble> {
  protected:
    TroubledServer troubled_;
    RedisServer healthy_;
    LockManager locks_ = manager_on(std::make_shared<Router>(
        backend_on(troubled_.url(), patient_command), backend_on(healthy_.url(), patient_command)));
};

TEST_P(HealthyNode, RenewsItsLeasesInTimeAndServesCoroutines) {
    const ScopedDistributedLock first{locks_, "troubled-1", {.ttl = watched_ttl}};
    const ScopedDistributedLock second{locks_, "troubled-2", {.ttl = watched_ttl}};
    const ScopedDistributedLock lock{locks_, "held", {.ttl = watched_ttl}};
    ASSERT_TRUE(poll_until([&] { return locks_.stats().renewed >= 3; }));
    troubled_.begin(GetParam());
    const AsyncCall waits{locks_, "troubled-3", {.wait_timeout = forever}};
    const auto took = time_of([&] {
        const AsyncCall call{locks_, "free", {.ttl = watched_ttl}};
        EXPECT_TRUE(call.ends());
        EXPECT_TRUE(call.has_lock()) << call.error().message();
    });
    EXPECT_LT(took, at_once);
    LeaseMeter watch;
    watch.add("held", lock, watched_ttl);
    for (const auto& lease : watch.watch(watched_ttl)) {
        EXPECT_FALSE(lease.is_lost);
        EXPECT_GT(lease.least, least_share);
    }
}

INSTANTIATE_TEST_SUITE_P(Beside, HealthyNode,
                         ::testing::Values(Trouble::stopped, Trouble::killed, Trouble::slow),
                         ::testing::PrintToStringParamName());

// Somebody stands still inside the file of a lock.
class HealthyFiles : public ::testing::Test {
  protected:
    HealthyFiles() { locks_.register_backend("files", make_file_backend({.directory = path_})); }
    [[nodiscard]] std::string file(const std::string& key) const { return path_ + "/p:" + key; }

    TempDir home_;
    const std::string path_ = home_.file("locks");
    LockManager locks_{{.prefix = "p:", .backend = "files"}};
    const LockOptions patient_{.wait_timeout = forever};
};

// That one is given up after a second of real time, and tried again. On a machine that stands still
// for so long that may come in between: then it is seen once more.
TEST(HealthyFilesByHand, AreRenewedWhileSomebodyStandsInAnother) {
    const TempDir home;
    const std::string path = home.file("locks");
    const auto clock = std::make_shared<testing::ManualClock>();
    LockManager locks{{.prefix = "p:", .backend = "files", .clock = clock}};
    locks.register_backend("files", make_file_backend({.directory = path, .clock = clock}));
    const auto pass = [&](Clock::duration time) {
        clock->wait_for_background();
        clock->advance(time);
        clock->wait_for_background();
    };
    const ScopedDistributedLock blocked{locks, "blocked", {.ttl = 6h}};
    const FileIntruder intruder{path + "/p:blocked"};
    pass(2h);
    const ScopedDistributedLock lock{locks, "held", {.ttl = 1min}};
    bool is_independent = false;
    for (int tries = 0; tries < 10 && !is_independent; ++tries) {
        const auto failed = locks.stats().renewals_failed;
        pass(2s);  // the renewal of the blocked one is under way, perhaps again
        const auto renewed = locks.stats().renewed;
        clock->advance(20s);
        ASSERT_TRUE(poll_until([&] { return locks.stats().renewed > renewed; }));
        is_independent = locks.stats().renewals_failed == failed;
        EXPECT_GT(lock.remaining(), 50s);
    }
    EXPECT_TRUE(is_independent);
}

TEST_F(HealthyFiles, ServeCoroutinesAndReleasesBesideOneInWhichSomebodyStands) {
    std::deque<ScopedDistributedLock> blocked;
    std::deque<FileIntruder> intruders;
    std::deque<AsyncCall> waits;
    std::optional<ScopedDistributedLock> lock{locks_.acquire("held", {.ttl = 1min})};
    ASSERT_TRUE(lock);
    // A machine that has a lot to do may need several tries, each beside further ones.
    auto least = Clock::duration::max();
    for (int tries = 0; tries < 5 && least >= 700ms; ++tries) {
        const std::string key = "blocked-" + std::to_string(tries);
        blocked.emplace_back(locks_, key, LockOptions{.ttl = 1min});
        intruders.emplace_back(file(key));
        for (int i = 0; i < 6; ++i) waits.emplace_back(locks_, key, patient_);
        const auto took = time_of([&] {
            const AsyncCall call{locks_, "free", {.ttl = watched_ttl, .wait_timeout = 1min}};
            EXPECT_TRUE(call.ends());
            EXPECT_TRUE(call.has_lock()) << call.error().message();
        });
        least = std::min<Clock::duration>(least, took);
    }
    EXPECT_LT(least, 700ms) << "one is given up after a second";
    blocked.clear();
    lock.reset();
    EXPECT_TRUE(poll_until([&] { return !locks_.inspect("held").held; }, at_once));
}

// The network has dropped one connection and tells neither side; the server is well.
TEST(HealthyServer, RenewsInTimeThoughOneConnectionToItHangs) {
    TroubledServer server;
    LockManager locks = manager_on(server.url(), patient_command);
    const ScopedDistributedLock lock{locks, "held", {.ttl = watched_ttl}};
    ASSERT_TRUE(poll_until([&] { return locks.stats().renewed >= 1; }));
    server.proxy().strike(Way::requests, 1, WeatherProxy::Fate::lost);
    LeaseMeter watch;
    watch.add("held", lock, watched_ttl);
    for (const auto& lease : watch.watch(watched_ttl + 1s)) {
        EXPECT_FALSE(lease.is_lost);
    }
    EXPECT_TRUE(server.proxy().has_struck(Way::requests));
}

}  // namespace
}  // namespace leaselock

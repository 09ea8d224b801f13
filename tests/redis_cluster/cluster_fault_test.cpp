// Goal: no lock is lost, stuck or granted twice while the slots of a Redis Cluster move from node
// to node and back; a fail-over loses none that the replica has, and no fence falls over it.
// Method: a real cluster, whose slots are moved step by step and whose master is killed, under
// load; the history checker.
#include <algorithm>
#include <array>
#include <atomic>
#include <gtest/gtest.h>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/leaselock.hpp>
#include <leaselock/redis.hpp>

#include "support/cluster_slot.hpp"
#include "support/history.hpp"
#include "support/history_check.hpp"
#include "support/patient.hpp"
#include "support/poll_until.hpp"
#include "support/redis_cluster.hpp"
#include "support/temp_dir.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::poll_until;
using support::RedisCluster;

LockManager manager_of_cluster(Duration command_timeout = 10s, int wait_replicas = 0) {
    LockManager locks;
    locks.register_backend("redis", make_redis_backend({.url = RedisCluster::of_tests().url(),
                                                        .connect_timeout = 10s,
                                                        .command_timeout = command_timeout,
                                                        .wait_replicas = wait_replicas}));
    locks.set_default_backend("redis");
    return locks;
}

// Each test has a slot of its own, which lies at `from` when it begins, and is there again when it
// has ended.
class ClusterFaultTest : public ::testing::Test {
  protected:
    ClusterFaultTest() {
        static std::atomic<int> tests{0};
        tag_ = "{fault:" + std::to_string(::getpid()) + ':' + std::to_string(tests++) + '}';
        slot_ = support::cluster_slot(in_store("0"));
        from_ = cluster().owner(in_store("0"));
        to_ = cluster().other_master(from_);
    }

    static RedisCluster& cluster() { return RedisCluster::of_tests(); }
    [[nodiscard]] std::string key(const std::string& name) const { return tag_ + name; }
    [[nodiscard]] std::string in_store(const std::string& name) const {
        return "hazel:lock:" + key(name);
    }
    void move_back() { cluster().move_slot(slot_, to_, from_); }

    std::string tag_;
    std::uint16_t slot_ = 0;
    std::size_t from_ = 0;
    std::size_t to_ = 0;
};

TEST_F(ClusterFaultTest, LockIsRenewedAndReleasedInEachStepOfAMove) {
    LockManager locks = manager_of_cluster();
    std::vector<ScopedDistributedLock> held;
    for (const char* const name : {"before", "begun", "keys gone", "moved"}) {
        auto lock = locks.acquire(key(name));
        ASSERT_TRUE(lock);
        held.push_back(std::move(*lock));
    }
    const auto renew_all_and_release_one = [&] {
        for (ScopedDistributedLock& each : held) each.extend(30s);
        EXPECT_EQ(held.back().release(), ReleaseResult::released);
        held.pop_back();
    };
    renew_all_and_release_one();
    cluster().begin_move(slot_, from_, to_);
    renew_all_and_release_one();
    cluster().move_keys(slot_, from_, to_);
    renew_all_and_release_one();
    cluster().end_move(slot_, from_, to_);
    renew_all_and_release_one();
    EXPECT_TRUE(locks.list(tag_ + '*').empty());
    move_back();
}

TEST_F(ClusterFaultTest, NewLockIsGrantedOnceItsSlotHasMoved) {
    LockManager locks = manager_of_cluster(60s);
    ASSERT_TRUE(locks.acquire(key("0"))) << "the table is known";
    cluster().command(from_, {"CONFIG", "RESETSTAT"});
    cluster().begin_move(slot_, from_, to_);
    std::atomic<bool> granted{false};
    std::thread acquirer{[&] {
        std::error_code error;
        const auto lock = locks.acquire(key("new"), {.ttl = 5min}, error);
        granted = lock.has_value();
    }};
    EXPECT_TRUE(poll_until(
        [&] {
            return cluster().command(from_, {"INFO", "errorstats"}).find("TRYAGAIN") !=
                   std::string::npos;
        },
        30s));
    EXPECT_FALSE(granted);
    cluster().move_keys(slot_, from_, to_);
    cluster().end_move(slot_, from_, to_);
    acquirer.join();
    EXPECT_TRUE(granted);
    move_back();
}

TEST_F(ClusterFaultTest, WaiterGetsTheLockThatWasReleasedAfterItsSlotHadMoved) {
    LockManager locks = manager_of_cluster();
    LockManager others = manager_of_cluster();
    auto held = locks.acquire(key("0"));
    ASSERT_TRUE(held);
    std::atomic<bool> granted{false};
    std::thread waiter{[&] {
        std::error_code error;
        const auto lock = others.acquire(key("0"), {.wait_timeout = 60s}, error);
        granted = lock.has_value();
    }};
    EXPECT_TRUE(poll_until([&] { return locks.inspect(key("0")).waiting == 1; }));
    cluster().move_slot(slot_, from_, to_);
    EXPECT_FALSE(granted);
    EXPECT_EQ(held->release(), ReleaseResult::released);
    EXPECT_TRUE(poll_until([&] { return granted.load(); }, 30s));
    waiter.join();
    move_back();
}

TEST_F(ClusterFaultTest, MissingRightToAskIsNamedWhereASlotMovesAndByTheCheck) {
    cluster().on_all(
        {"ACL", "SETUSER", "mute", "reset", "on", ">word", "~*", "&*", "+@all", "-asking"});
    LockManager locks;
    locks.register_backend("redis", make_redis_backend({.url = RedisCluster::of_tests().url(),
                                                        .username = "mute",
                                                        .password = "word",
                                                        .connect_timeout = 10s,
                                                        .command_timeout = 10s}));
    locks.set_default_backend("redis");
    const std::vector<Finding> findings = locks.check();
    const auto is_asking = [](const Finding& each) { return each.subject == "asking"; };
    EXPECT_EQ(std::count_if(findings.begin(), findings.end(), is_asking), 3) << "one a master";
    cluster().begin_move(slot_, from_, to_);
    std::error_code error;
    const auto refused = locks.acquire(key("new"), {}, error);
    EXPECT_FALSE(refused.has_value());
    EXPECT_EQ(error, Errc::access_denied);
    cluster().end_move(slot_, from_, to_);
    const auto granted = locks.acquire(key("new"));
    EXPECT_TRUE(granted.has_value());
    move_back();
}

TEST_F(ClusterFaultTest, ReplicaThatEndedIsShownAsOneThatIsNotAttached) {
    const auto backend =
        make_redis_backend({.url = support::patient(RedisCluster::of_tests().url())});
    std::string shown;
    const auto is_shown = [&](std::size_t replica, std::string_view state) {
        const std::string address =
            "127.0.0.1:" + std::to_string(cluster().nodes().at(replica).port);
        std::vector<Finding> findings;
        const StoreNodes all = backend->nodes(findings);
        EXPECT_TRUE(findings.empty());
        shown.clear();
        for (const StoreNode& each : all.nodes) {
            shown +=
                each.role + ' ' + each.address + " of " + each.master + ": " + each.state + '\n';
        }
        return std::any_of(all.nodes.begin(), all.nodes.end(), [&](const StoreNode& node) {
            return node.role == "replica" && node.address == address && !node.master.empty() &&
                   node.state.starts_with(state);
        });
    };
    const std::size_t replica = cluster().replica(from_);
    EXPECT_TRUE(poll_until([&] { return is_shown(replica, "online"); }, 30s)) << shown;
    cluster().kill9(replica);
    EXPECT_TRUE(poll_until([&] { return is_shown(replica, "not attached: "); }, 30s)) << shown;
    cluster().restart(replica);
    EXPECT_TRUE(poll_until([&] { return is_shown(replica, "online"); }, 30s)) << shown;
}

// Its links live on, so nothing says at once that it is away.
TEST_F(ClusterFaultTest, MasterThatDoesNotAnswerIsAFindingAndNoEndOfTheCheck) {
    const auto backend = make_redis_backend(
        {.url = RedisCluster::of_tests().url(), .connect_timeout = 1s, .command_timeout = 1s});
    std::vector<Finding> findings;
    cluster().pause(from_);
    EXPECT_NO_THROW(backend->examine(findings));
    EXPECT_NO_THROW(backend->examine_prefix("hazel:lock:", CheckDepth::sample, findings));
    cluster().resume(from_);
    const std::string port = std::to_string(cluster().nodes().at(from_).port);
    EXPECT_TRUE(std::any_of(findings.begin(), findings.end(), [&](const Finding& each) {
        return each.subject == "node" && each.found.starts_with("127.0.0.1:" + port + ": ");
    }));
    cluster().wait_whole();
}

// Threads that acquire and release the keys of a slot, and note what they were granted. Every
// second one counts only what a replica has acknowledged.
class Load {
  public:
    Load(std::string path, std::vector<std::string> keys)
        : path_{std::move(path)}, keys_{std::move(keys)} {
        for (std::size_t i = 0; i < threads; ++i) {
            threads_.emplace_back([this, i] { run(i); });
        }
    }
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;
    ~Load() { end(); }

    [[nodiscard]] int grants() const { return grants_; }
    void end() {
        is_over_ = true;
        for (std::thread& each : threads_) {
            if (each.joinable()) each.join();
        }
    }

  private:
    static constexpr std::size_t threads = 4;

    void run(std::size_t number) {
        LockManager locks = manager_of_cluster(2s, static_cast<int>(number % 2));
        support::History history{path_};
        for (std::size_t i = number; !is_over_; ++i) {
            std::error_code error;
            auto lock = support::RecordedLock::acquire(history, locks, keys_[i % keys_.size()],
                                                       {.ttl = 20s, .wait_timeout = 1s}, error);
            if (!lock) {
                EXPECT_TRUE(error == Family::contended || error == Family::unavailable ||
                            error == Family::unknown)
                    << error.message();
                continue;
            }
            ++grants_;
            (void)lock->owns_lock();
            (void)lock->lock().release(error);
        }
    }

    const std::string path_;
    const std::vector<std::string> keys_;
    std::atomic<bool> is_over_{false};
    std::atomic<int> grants_{0};
    std::vector<std::thread> threads_;
};

TEST_F(ClusterFaultTest, SlotThatMovesBackAndForthUnderLoadCostsNoLock) {
    const support::TempDir directory;
    LockManager locks = manager_of_cluster();
    auto held = locks.acquire(key("held"), {.ttl = 20s});
    ASSERT_TRUE(held);
    {
        Load load{directory.file("history"), {key("a"), key("b")}};
        for (int round = 0; round < 3; ++round) {
            const auto grows = [&, before = load.grants()] { return load.grants() > before + 20; };
            EXPECT_TRUE(poll_until(grows, 30s));
            cluster().move_slot(slot_, from_, to_);
            held->extend(20s);
            EXPECT_TRUE(poll_until(
                [&, before = load.grants()] { return load.grants() > before + 20; }, 30s));
            move_back();
            held->extend(20s);
        }
    }
    EXPECT_EQ(support::check(support::History{directory.file("history")}.read()).text(), "");
    EXPECT_EQ(held->release(), ReleaseResult::released);
    const auto all_are_free = [&] { return locks.list(tag_ + '*').empty(); };
    EXPECT_TRUE(poll_until(all_are_free, 30s));
}

// The master gives way when its replica has all, so nothing is lost; what it refuses meanwhile, or
// does not answer, is sent once more.
TEST_F(ClusterFaultTest, ReleasesDuringAPlannedFailOverReachTheNewMaster) {
    LockManager locks = manager_of_cluster(2s);
    std::vector<ScopedDistributedLock> held;
    for (int i = 0; i < 60; ++i) {
        auto lock = locks.acquire(key(std::to_string(i)), {.ttl = 10min});
        ASSERT_TRUE(lock);
        held.push_back(std::move(*lock));
    }
    const std::size_t replica = cluster().replica(from_);
    // The replica gives an attempt up after 5 s, where it was not in step, or got too few votes.
    auto next = boot_clock()->now();
    const auto is_promoted = [&] {
        if (cluster().command(replica, {"ROLE"}).starts_with("master")) return true;
        if (boot_clock()->now() < next) return false;
        next = boot_clock()->now() + 10s;
        try {
            cluster().command(replica, {"CLUSTER", "FAILOVER"});
        } catch (const std::runtime_error&) {
            return false;  // it was promoted at this moment
        }
        return false;
    };
    EXPECT_FALSE(is_promoted()) << "it is asked to, and some releases come before it is";
    for (ScopedDistributedLock& each : held) {
        std::error_code error;
        (void)each.release(error);
        if (&each != &held[held.size() / 2]) continue;
        EXPECT_TRUE(poll_until(is_promoted, 90s)) << "half of them come after it";
    }
    cluster().wait_whole();
    EXPECT_TRUE(poll_until([&] { return locks.list(tag_ + '*').empty(); }, 60s))
        << "long before the ttl";
}

TEST_F(ClusterFaultTest, FailOverKeepsWhatTheReplicaHadAndNoFenceFalls) {
    const support::TempDir directory;
    LockManager locks = manager_of_cluster(1s);
    auto held = locks.acquire(key("held"), {.ttl = 2min});
    ASSERT_TRUE(held);
    ASSERT_EQ(cluster().command(from_, {"SET", in_store("mark"), "x", "PX", "120000"}), "OK");
    ASSERT_EQ(cluster().command(from_, {"WAIT", "1", "20000"}), "1") << "so it has the lock, too";
    const std::size_t replica = cluster().replica(from_);
    {
        Load load{directory.file("history"), {key("a"), key("b")}};
        EXPECT_TRUE(poll_until([&] { return load.grants() > 20; }, 30s));
        cluster().kill9(from_);
        const auto is_promoted = [&] {
            return cluster().command(replica, {"ROLE"}).starts_with("master");
        };
        EXPECT_TRUE(poll_until(is_promoted, 60s));
        EXPECT_TRUE(
            poll_until([&, before = load.grants()] { return load.grants() > before + 20; }, 60s));
    }
    const support::Verdict verdict = support::check(
        support::History{directory.file("history")}.read(), support::Overlaps::may_be);
    std::cout << "overlaps over the fail-over: " << verdict.overlaps.size() << '\n';
    EXPECT_TRUE(verdict.disorders.empty()) << verdict.text();
    EXPECT_TRUE(poll_until(
        [&] {
            std::error_code error;
            held->extend(2min, error);
            return !error;
        },
        30s));
    EXPECT_EQ(held->release(), ReleaseResult::released);
    cluster().restart(from_);
}

}  // namespace
}  // namespace leaselock

// hazelcast_soak <directory>: what is too long for CI, with the cluster of that directory, which
// tests/hazelcast/cluster.py has started and which is of no use afterwards. Workers of several
// managers write down what they hold while the leader is paused, is killed and started again, and
// while all members are. Prints what it sees; fails if a promise is broken.
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <thread>

#include <leaselock/hazelcast.hpp>
#include <leaselock/lock_manager.hpp>

#include "support/hazelcast_cluster.hpp"
#include "support/hazelcast_workers.hpp"

namespace {

using namespace std::chrono_literals;
using leaselock::LockManager;
using leaselock::support::HazelcastCluster;
using leaselock::support::HazelcastWorkers;

template <class Step>
double seconds_of(const Step& step) {
    const auto begin = std::chrono::steady_clock::now();
    step();
    return std::chrono::duration<double>{std::chrono::steady_clock::now() - begin}.count();
}

bool ends_well(HazelcastWorkers& workers, bool goes_on) {
    const std::string findings = workers.findings();
    std::printf("  %d entries%s\n%s", workers.entries(), goes_on ? "" : ", and then NONE",
                findings.c_str());
    return goes_on && findings.empty();
}

bool survives_a_leader_that_is_paused(const HazelcastCluster& cluster) {
    HazelcastWorkers workers{cluster, "soak:paused"};
    const bool begins = workers.enter(10, 60s);
    const std::size_t leader = cluster.leader();
    std::printf("member %zu, which leads, is paused for 10 s\n", leader);
    cluster.pause(leader);
    std::this_thread::sleep_for(10s);
    cluster.resume(leader);
    return ends_well(workers, begins && workers.enter(50, 60s));
}

bool survives_a_leader_that_is_killed(HazelcastCluster& cluster) {
    HazelcastWorkers workers{cluster, "soak:killed"};
    const bool begins = workers.enter(10, 60s);
    const std::size_t leader = cluster.leader();
    std::printf("member %zu, which leads, is killed and started again\n", leader);
    LockManager locks = leaselock::connect(cluster.url(leader));
    const auto held = locks.acquire("soak:held", {.wait_timeout = 60s});
    cluster.kill(leader);
    double took = 0;
    bool goes_on = false;
    took = seconds_of([&] { goes_on = workers.enter(50, 60s); });
    cluster.restart(leader);
    std::printf("  50 entries after %.1f s; the lock that was held is %s\n", took,
                held->owns_lock() ? "still ours" : "lost");
    goes_on = goes_on && workers.enter(50, 60s);
    return ends_well(workers, begins && goes_on) && held->owns_lock();
}

// What follows is a cluster without a memory, but one that locks.
bool comes_back_after_a_restart_of_all(HazelcastCluster& cluster) {
    LockManager locks = leaselock::connect(cluster.url());
    // The group of groups may still have no leader after what came before.
    const auto held = locks.acquire("soak:all", {.wait_timeout = 60s});
    std::puts("all members are killed and started again");
    cluster.restart_all();
    HazelcastWorkers workers{cluster, "soak:again"};
    const bool goes_on = workers.enter(50, 120s);
    std::printf("  the lock that was held is %s\n", held->owns_lock() ? "OURS" : "lost");
    return ends_well(workers, goes_on) && !held->owns_lock();
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 2) {
        std::fputs("usage: hazelcast_soak <directory of the cluster>\n", stderr);
        return 2;
    }
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    HazelcastCluster cluster{argv[1]};
    bool survives = survives_a_leader_that_is_paused(cluster);
    for (int i = 0; i < 2; ++i) {
        survives = survives_a_leader_that_is_killed(cluster) && survives;
        survives = comes_back_after_a_restart_of_all(cluster) && survives;
    }
    return survives ? 0 : 1;
} catch (const std::exception& error) {
    std::fprintf(stderr, "hazelcast_soak: %s\n", error.what());
    return 1;
}

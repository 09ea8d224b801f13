// hazelcast_soak <directory>: what is too long for CI, with the cluster of that directory, which
// tests/hazelcast/cluster.py has started and which is of no use afterwards. How fast a cycle is
// beside bare calls on the same cluster, alone and 64 at once; then workers of several managers
// write down what they hold while the leader is paused, is killed and started again, and while all
// members are. Prints what it sees; fails if a promise is broken or a target is missed.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <leaselock/async.hpp>
#include <leaselock/hazelcast.hpp>
#include <leaselock/lock_manager.hpp>

#include "support/hazelcast_cluster.hpp"
#include "support/hazelcast_workers.hpp"

namespace {

using namespace std::chrono_literals;
using leaselock::LockManager;
using leaselock::support::HazelcastClient;
using leaselock::support::HazelcastCluster;
using leaselock::support::HazelcastWorkers;

using Microseconds = std::chrono::duration<double, std::micro>;
constexpr int rounds = 60;      // of one caller
constexpr int each_round = 50;  // cycles
constexpr int at_once = 64;

template <class Step>
double time_of(const Step& step) {
    const auto begin = std::chrono::steady_clock::now();
    step();
    return Microseconds{std::chrono::steady_clock::now() - begin}.count();
}

double median(std::vector<double> times) {
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    return *middle;
}

bool reports(const char* what, double limit, double bare, double ours) {
    const double speed = bare / ours;
    std::printf("%-28s %8.1f us, bare %8.1f us: %.2f of its speed, target %.2f, %s\n", what, ours,
                bare, speed, limit, speed >= limit ? "reached" : "MISSED");
    return speed >= limit;
}

// Some cycles, then as many bare ones, and so on, so that both see the same machine.
bool one_caller(const HazelcastCluster& cluster) {
    HazelcastClient client{cluster};
    const std::uint64_t session = client.new_session();
    LockManager locks = leaselock::connect(cluster.url());
    std::vector<double> bare;
    std::vector<double> ours;
    for (std::uint64_t n = 0; n < rounds; ++n) {
        client.heartbeat(session);
        for (int i = 0; i < each_round; ++i) {
            bare.push_back(time_of([&] {
                (void)client.try_lock("soak:bare", session, n);
                client.unlock("soak:bare", session, n);
            }));
        }
        for (int i = 0; i < each_round; ++i) {
            ours.push_back(time_of([&] {
                const auto lock = locks.acquire("soak:ours");
                if (!lock) std::abort();
            }));
        }
    }
    client.close_session(session);
    return reports("a cycle, one caller", 0.95, median(bare), median(ours));
}

// Acquires and releases a lock of its own, again and again, and needs no thread for that.
class Cycle {
  public:
    Cycle(LockManager& locks, int number, std::atomic<int>& running)
        : locks_{locks}, key_{"soak:" + std::to_string(number)}, running_{running} {}

    void go_on() {
        locks_.async_acquire(key_, {}, {}, [this](auto lock, std::error_code ec) {
            if (ec || !lock) std::abort();
            { const auto released = std::move(lock).value(); }
            if (--left_ > 0) return go_on();
            if (--running_ == 0) running_.notify_one();
        });
    }

  private:
    LockManager& locks_;
    const std::string key_;
    std::atomic<int>& running_;
    int left_ = each_round;
};

bool many_at_once(const HazelcastCluster& cluster) {
    HazelcastClient client{cluster};
    LockManager locks = leaselock::connect(cluster.url());
    const auto bare = [&] {
        const std::uint64_t session = client.new_session();
        const double time = time_of([&] { client.cycle("bare:", session, at_once, each_round); });
        client.close_session(session);
        return time;
    };
    const auto ours = [&] {
        std::atomic<int> running{at_once};
        std::vector<std::unique_ptr<Cycle>> cycles;
        for (int i = 0; i < at_once; ++i) {
            cycles.push_back(std::make_unique<Cycle>(locks, i, running));
        }
        return time_of([&] {
            for (const auto& each : cycles) each->go_on();
            for (int left = running; left > 0; left = running) running.wait(left);
        });
    };
    std::vector<double> bare_times;
    std::vector<double> our_times;
    for (int i = 0; i < 7; ++i) {
        bare_times.push_back(bare() / (at_once * each_round));
        our_times.push_back(ours() / (at_once * each_round));
    }
    return reports("a cycle of 64 at once", 0.8, median(bare_times), median(our_times));
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
    took = time_of([&] { goes_on = workers.enter(50, 60s); });
    cluster.restart(leader);
    std::printf("  50 entries after %.1f s; the lock that was held is %s\n", took / 1e6,
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
    const bool is_fast = one_caller(cluster);
    const bool is_fast_at_once = many_at_once(cluster);
    bool survives = survives_a_leader_that_is_paused(cluster);
    for (int i = 0; i < 2; ++i) {
        survives = survives_a_leader_that_is_killed(cluster) && survives;
        survives = comes_back_after_a_restart_of_all(cluster) && survives;
    }
    return is_fast && is_fast_at_once && survives ? 0 : 1;
} catch (const std::exception& error) {
    std::fprintf(stderr, "hazelcast_soak: %s\n", error.what());
    return 1;
}

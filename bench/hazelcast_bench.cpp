// hazelcast_bench <directory>: how fast a cycle of acquire and release is in the cluster of that
// directory, which tests/hazelcast/cluster.py has started: beside bare calls, alone and 64 at once,
// and beside the FencedLock of the Java client. What is compared takes turns in short rounds, and
// the median of the ratios of the rounds counts, so that both see the same machine. Fails if a
// target is missed.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <leaselock/async.hpp>
#include <leaselock/hazelcast.hpp>
#include <leaselock/lock_manager.hpp>

#include "support/child_process.hpp"
#include "support/hazelcast_cluster.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace std::chrono_literals;
using leaselock::LockManager;
using leaselock::support::ChildProcess;
using leaselock::support::HazelcastClient;
using leaselock::support::HazelcastCluster;
using leaselock::support::TempDir;

using Microseconds = std::chrono::duration<double, std::micro>;

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

template <class Step>
double median_of(int cycles, const Step& cycle) {
    std::vector<double> times;
    for (int i = 0; i < cycles; ++i) times.push_back(time_of(cycle));
    return median(std::move(times));
}

// What a cycle takes in each round, of another way and of ours.
struct Rounds {
    std::vector<double> other{};
    std::vector<double> ours{};

    [[nodiscard]] bool report(const char* what, const char* beside, double target) const {
        std::vector<double> speeds;
        for (std::size_t i = 0; i < ours.size(); ++i) speeds.push_back(other[i] / ours[i]);
        const double speed = median(std::move(speeds));
        std::printf("%-22s %7.1f us, %s %7.1f us: %.2f of its speed, target %.2f, %s\n", what,
                    median(ours), beside, median(other), speed, target,
                    speed >= target ? "reached" : "MISSED");
        return speed >= target;
    }
};

void cycle(LockManager& locks, const char* key) {
    const auto lock = locks.acquire(key);
    if (!lock) std::abort();
}

bool one_caller(const HazelcastCluster& cluster) {
    constexpr int cycles = 25;
    HazelcastClient client{cluster};
    const std::uint64_t session = client.new_session();
    LockManager locks = leaselock::connect(cluster.url());
    Rounds rounds;
    for (std::uint64_t thread = 0; thread < 120; ++thread) {
        client.heartbeat(session);
        rounds.other.push_back(median_of(cycles, [&] {
            (void)client.try_lock("bench:bare", session, thread);
            client.unlock("bench:bare", session, thread);
        }));
        rounds.ours.push_back(median_of(cycles, [&] { cycle(locks, "bench:ours"); }));
    }
    client.close_session(session);
    return rounds.report("one caller", "bare", 0.95);
}

constexpr int at_once = 64;
constexpr int each_round = 20;  // cycles of each of them

// Acquires and releases a lock of its own, again and again, and needs no thread for that.
class Cycle {
  public:
    Cycle(LockManager& locks, int number, std::atomic<int>& running)
        : locks_{locks}, key_{"bench:" + std::to_string(number)}, running_{running} {}

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

void all_at_once(LockManager& locks) {
    std::atomic<int> running{at_once};
    std::vector<std::unique_ptr<Cycle>> cycles;
    for (int i = 0; i < at_once; ++i) cycles.push_back(std::make_unique<Cycle>(locks, i, running));
    for (const auto& each : cycles) each->go_on();
    for (int left = running; left > 0; left = running) running.wait(left);
}

bool many_at_once(const HazelcastCluster& cluster) {
    HazelcastClient client{cluster};
    LockManager locks = leaselock::connect(cluster.url());
    Rounds rounds;
    for (int i = 0; i < 31; ++i) {
        const std::uint64_t session = client.new_session();
        const double bare = time_of([&] { client.cycle("bare:", session, at_once, each_round); });
        client.close_session(session);
        rounds.other.push_back(bare / (at_once * each_round));
        rounds.ours.push_back(time_of([&] { all_at_once(locks); }) / (at_once * each_round));
    }
    return rounds.report("64 at once", "bare", 0.8);
}

// The median of a program that is started, warms up and measures alone: it is long enough for the
// machine code of its client to be there.
double java_cycle(const HazelcastCluster& cluster) {
    const TempDir directory;
    const std::string output = directory.file("output");
    std::vector<std::string> words{"java", "-cp", LEASELOCK_HAZELCAST_JAR, LEASELOCK_HAZELCAST_JAVA,
                                   std::string{HazelcastCluster::name}};
    for (const auto& member : cluster.members()) {
        words.push_back("127.0.0.1:" + std::to_string(member.port));
    }
    ChildProcess program{std::move(words), {.output = output}};
    const auto status = program.wait(5min);
    std::string last;
    std::ifstream lines{output};
    for (std::string line; std::getline(lines, line);) last = line;
    if (status != 0) throw std::runtime_error("the Java client ended otherwise: " + last);
    return std::stod(last);
}

bool beside_java(const HazelcastCluster& cluster) {
    LockManager locks = leaselock::connect(cluster.url());
    Rounds rounds;
    for (int i = 0; i < 3; ++i) {
        rounds.other.push_back(java_cycle(cluster));
        rounds.ours.push_back(median_of(3000, [&] { cycle(locks, "bench:beside"); }));
    }
    return rounds.report("FencedLock of Java", "Java", 1.0);
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 2) {
        std::fputs("usage: hazelcast_bench <directory of the cluster>\n", stderr);
        return 2;
    }
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    const HazelcastCluster cluster{argv[1]};
    const bool alone = one_caller(cluster);
    const bool together = many_at_once(cluster);
    const bool is_faster = beside_java(cluster);
    return alone && together && is_faster ? 0 : 1;
} catch (const std::exception& error) {
    std::fprintf(stderr, "hazelcast_bench: %s\n", error.what());
    return 1;
}

// hazelcast_soak <directory>: what is too long for CI, with the cluster of that directory, which
// tests/hazelcast/cluster.py has started and which is of no use afterwards. How fast a cycle is
// beside bare calls on the same cluster; then workers of several managers add up what they hold
// while a member is killed. Prints what it sees; fails if a promise is broken or a target is
// missed.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/hazelcast.hpp>
#include <leaselock/lock_manager.hpp>

#include "support/hazelcast_cluster.hpp"
#include "support/poll_until.hpp"

namespace {

using namespace std::chrono_literals;
using leaselock::LockManager;
using leaselock::support::HazelcastClient;
using leaselock::support::HazelcastCluster;

using Microseconds = std::chrono::duration<double, std::micro>;
constexpr int rounds = 1500;

template <class Action>
double median_of(const Action& step) {
    std::vector<double> times;
    for (int i = 0; i < rounds; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        step(i);
        times.push_back(Microseconds{std::chrono::steady_clock::now() - begin}.count());
    }
    std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
    return times[rounds / 2];
}

bool reports(const char* what, double ours, double bare, double limit) {
    const bool is_reached = bare / ours >= limit;
    std::printf("%-28s %8.0f us, bare %8.0f us: %.2f of its speed, target %.2f, %s\n", what, ours,
                bare, bare / ours, limit, is_reached ? "reached" : "MISSED");
    return is_reached;
}

// One caller, each in turn with bare calls, so that both see the same machine.
bool one_caller(const HazelcastCluster& cluster) {
    HazelcastClient client{cluster};
    const std::uint64_t session = client.new_session();
    LockManager locks = leaselock::connect(cluster.url());
    std::vector<double> ours;
    std::vector<double> bare;
    for (int i = 0; i < 5; ++i) {
        client.heartbeat(session);
        bare.push_back(median_of([&](int n) {
            if (n % 200 == 0) client.heartbeat(session);
            (void)client.try_lock("soak:bare", session, static_cast<std::uint64_t>(n));
            client.unlock("soak:bare", session, static_cast<std::uint64_t>(n));
        }));
        ours.push_back(median_of([&](int) {
            const auto lock = locks.acquire("soak:ours");
            if (!lock) std::abort();
        }));
    }
    std::sort(ours.begin(), ours.end());
    std::sort(bare.begin(), bare.end());
    return reports("a cycle, one caller", ours[2], bare[2], 0.95);
}

// Threads of several managers enter in turn.
class Workers {
  public:
    Workers(const HazelcastCluster& cluster, const std::string& key) {
        for (std::size_t i = 0; i < 6; ++i) {
            threads_.emplace_back([this, url = cluster.url(i), key] {
                LockManager locks = leaselock::connect(url);
                while (!is_over_) enter(locks, key);
            });
        }
    }
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;
    ~Workers() { is_over_ = true; }

    [[nodiscard]] int entries() const { return entries_; }
    // Whether all went as it should until now.
    [[nodiscard]] bool are_well() const {
        std::printf("  %d entries, %d overlaps, %d fences that fell\n", entries_.load(),
                    overlaps_.load(), fallen_.load());
        return overlaps_ == 0 && fallen_ == 0;
    }

  private:
    void enter(LockManager& locks, const std::string& key) {
        std::error_code ec;
        auto lock = locks.acquire(key, {.wait_timeout = 20s}, ec);
        if (!lock) return;
        if (++inside_ != 1) ++overlaps_;
        if (newest_.exchange(lock->fencing_token()) >= lock->fencing_token()) ++fallen_;
        ++entries_;
        --inside_;
        (void)lock->release(ec);
    }

    std::atomic<int> inside_{0};
    std::atomic<int> overlaps_{0};
    std::atomic<int> fallen_{0};
    std::atomic<int> entries_{0};
    std::atomic<std::uint64_t> newest_{0};
    std::atomic<bool> is_over_{false};
    std::vector<std::jthread> threads_;
};

bool survives_the_end_of(const HazelcastCluster& cluster, std::size_t member) {
    std::printf("member %zu is killed\n", member);
    Workers workers{cluster, "soak:killed"};
    LockManager locks = leaselock::connect(cluster.url(member));
    auto held = locks.acquire("soak:held");
    std::this_thread::sleep_for(3s);
    ::kill(cluster.members()[member].pid, SIGKILL);
    const int before = workers.entries();
    const auto begin = std::chrono::steady_clock::now();
    const bool goes_on = leaselock::support::poll_until(
        [&] { return workers.entries() > before + 50; }, std::chrono::seconds{60});
    const auto took = std::chrono::steady_clock::now() - begin;
    std::this_thread::sleep_for(5s);
    std::printf("  50 entries after %.1f s; the lock that was held is %s\n",
                std::chrono::duration<double>(took).count(),
                held->owns_lock() ? "still ours" : "lost");
    return workers.are_well() && goes_on && held->owns_lock();
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 2) {
        std::fputs("usage: hazelcast_soak <directory of the cluster>\n", stderr);
        return 2;
    }
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    const HazelcastCluster cluster{argv[1]};
    const bool is_fast = one_caller(cluster);
    const bool survives = survives_the_end_of(cluster, 0);
    return is_fast && survives ? 0 : 1;
} catch (const std::exception& error) {
    std::fprintf(stderr, "hazelcast_soak: %s\n", error.what());
    return 1;
}

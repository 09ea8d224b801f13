// Goal: fail-overs of a Redis Cluster, one after the other, under load from several processes, some
// of which are stopped or killed meanwhile: no fence falls, and no lock is stuck for longer than
// its ttl. What two holders assert at the same time is counted and printed: replication in a
// cluster is asynchronous, so it may be. Method: a cluster of tests/redis_cluster/cluster.py, whose
// masters are killed, stopped, or told to let a replica take over, in turn; the history checker.
//
// cluster_soak DIRECTORY [ROUNDS]     50 rounds if nothing else is said
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>
#include <random>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include <leaselock/leaselock.hpp>
#include <leaselock/redis.hpp>

#include "support/child_process.hpp"
#include "support/history.hpp"
#include "support/history_check.hpp"
#include "support/poll_until.hpp"
#include "support/redis_cluster.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace std::chrono_literals;
using namespace leaselock;
using support::ChildProcess;
using support::poll_until;
using support::RedisCluster;

constexpr std::chrono::milliseconds ttl = 4s;
constexpr int keys = 16;
constexpr std::size_t workers = 4;
constexpr auto patience = 120s;

LockManager manager_at(const std::string& url) {
    LockManager locks{{.prefix = "soak:"}};
    locks.register_backend("redis", make_redis_backend({.url = url}));
    locks.set_default_backend("redis");
    return locks;
}

// Acquires, holds for a moment and releases, until it is killed.
[[noreturn]] void work(const std::string& url, const std::string& path) {
    LockManager locks = manager_at(url);
    support::History history{path};
    std::minstd_rand random{std::random_device{}()};
    for (;;) {
        std::error_code error;
        const std::string key = "key" + std::to_string(random() % keys);
        auto lock = support::RecordedLock::acquire(history, locks, key,
                                                   {.ttl = ttl, .wait_timeout = 500ms}, error);
        if (!lock) continue;
        boot_clock()->sleep_until(boot_clock()->now() + std::chrono::milliseconds{random() % 10},
                                  std::stop_token{});
        (void)lock->owns_lock();
        (void)lock->lock().release(error);
    }
}

class Soak {
  public:
    Soak(const std::string& directory, std::string program)
        : cluster_{directory}, program_{std::move(program)} {
        for (auto& each : processes_) start(each);
    }

    void run(int rounds) {
        for (int round = 0; round < rounds; ++round) {
            const std::size_t master = cluster_.owner("soak:key" + std::to_string(round % keys));
            const std::size_t replica = cluster_.replica(master);
            auto& worker = processes_.at(static_cast<std::size_t>(round) % workers);
            std::printf("round %d: ", round + 1);
            fail_over(round % 3, master, replica, *worker);
            grow();
            if (round % 2 == 0) start(worker);
            std::printf("%zu bytes of history\n", history_size());
            std::fflush(stdout);
        }
    }

    // Whether all is as it must be.
    bool is_right() {
        for (auto& each : processes_) each.reset();
        LockManager locks = manager_at(cluster_.url());
        const bool is_free = poll_until([&] { return locks.list("*").empty(); }, 10 * ttl);
        const auto history = support::History{path()}.read();
        const support::Verdict verdict = support::check(history, support::Overlaps::may_be);
        std::printf("%zu grants, %zu overlaps, %zu fences that fell, %s\n", history.size(),
                    verdict.overlaps.size(), verdict.disorders.size(),
                    is_free ? "no lock is stuck" : "LOCKS ARE STUCK");
        for (const std::string& each : verdict.disorders) std::printf("%s\n", each.c_str());
        return is_free && verdict.disorders.empty();
    }

  private:
    [[nodiscard]] std::string path() const { return place_.file("history"); }
    [[nodiscard]] std::size_t history_size() const {
        return static_cast<std::size_t>(std::filesystem::file_size(path()));
    }
    void start(std::unique_ptr<ChildProcess>& worker) {
        worker = std::make_unique<ChildProcess>(
            std::vector<std::string>{program_, "work", cluster_.url(), path()});
    }

    void fail_over(int way, std::size_t master, std::size_t replica, ChildProcess& worker) {
        worker.pause();
        if (way == 0) {
            std::printf("killed; ");
            cluster_.kill9(master);
        } else if (way == 1) {
            std::printf("stopped; ");
            cluster_.pause(master);
        } else {
            std::printf("asked to yield; ");
            cluster_.command(replica, {"CLUSTER", "FAILOVER"});
        }
        const auto begin = std::chrono::steady_clock::now();
        const auto is_promoted = [&] {
            return cluster_.command(replica, {"ROLE"}).starts_with("master");
        };
        const bool is_done = poll_until(is_promoted, patience);
        std::printf(
            "promoted after %.1f s; ",
            std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
        worker.resume();
        if (is_done) grow();
        if (way == 0) cluster_.restart(master);
        if (way == 1) cluster_.resume(master);
        if (!is_done) throw std::runtime_error("no replica is promoted");
        cluster_.wait_whole();
    }

    // Locks are granted again.
    void grow() {
        const std::size_t before = history_size();
        if (!poll_until([&] { return history_size() > before + 5000; }, patience)) {
            throw std::runtime_error("no lock is granted any more");
        }
    }

    RedisCluster cluster_;
    const std::string program_;
    const support::TempDir place_;
    std::array<std::unique_ptr<ChildProcess>, workers> processes_;
};

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words{argv, argv + argc};
    try {
        if (words.size() == 4 && words[1] == "work") work(words[2], words[3]);
        if (words.size() < 2) return EXIT_FAILURE;
        Soak soak{words[1], words[0]};
        soak.run(words.size() > 2 ? std::stoi(words[2]) : 50);
        return soak.is_right() ? EXIT_SUCCESS : EXIT_FAILURE;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "cluster_soak: %s\n", error.what());
        return EXIT_FAILURE;
    }
}

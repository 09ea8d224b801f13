// What it costs that locks are in a Redis Cluster, at a master that Sentinels name, or count only
// when replicas have acknowledged them. The baseline, `direct`, is the same node with the same keys
// by a redis:// URL: so the servers do the same, and the difference is the library's. `single` is a
// server without replicas, for information.
//   awaited         acquire, and release with its answer
//   client-time     the processor time of this process for a cycle
//   handoff         from a release to the next holder, between two processes that hold it for 1 ms
// URLs come in LEASELOCK_BENCH_REDIS, LEASELOCK_BENCH_SENTINEL, LEASELOCK_BENCH_MASTER and
// LEASELOCK_BENCH_CLUSTER.
#include <algorithm>
#include <benchmark/benchmark.h>
#include <chrono>
#include <cstdlib>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <vector>

#include <leaselock/redis.hpp>

#include "crowd.hpp"

namespace {

using leaselock::LockManager;
using namespace std::chrono_literals;

std::string text_of(const char* name) {
    const char* const value = std::getenv(name);
    if (value == nullptr) throw std::runtime_error(std::string{name} + " is not set");
    return value;
}

// Keys that this URL leads to itself: a node of a cluster refuses others.
std::vector<std::string> keys_at(const std::string& url, int thread) {
    LockManager locks = leaselock::connect(url);
    std::vector<std::string> keys;
    for (int i = 0; keys.size() < 16 && i < 1000; ++i) {
        std::string key = "nodes-" + std::to_string(thread) + "-" + std::to_string(i);
        std::error_code error;
        (void)locks.inspect(key, {}, error);
        if (!error) keys.push_back(std::move(key));
    }
    if (keys.empty()) throw std::runtime_error("no key lies there");
    return keys;
}

// The first of the nodes in the URL of a cluster; the master that Sentinels name as the bench
// begins.
std::string direct_url(const std::string& what) {
    if (what != "cluster") return text_of("LEASELOCK_BENCH_MASTER");
    const std::string url = text_of("LEASELOCK_BENCH_CLUSTER");
    const std::size_t begin = url.find("//") + 2;
    return "redis://" + url.substr(begin, url.find(',') - begin);
}

struct Target {
    std::string url;   // where it is locked
    std::string keys;  // whose keys are taken
};
Target target_of(const std::string& what, const std::string& who) {
    if (who == "single")
        return {text_of("LEASELOCK_BENCH_REDIS"), text_of("LEASELOCK_BENCH_REDIS")};
    const std::string direct = direct_url(what);
    if (what == "replicas") {
        const bool waits = who == "leaselock";
        return {direct + (waits ? "?wait_replicas=2&wait_replicas_timeout=900ms" : ""), direct};
    }
    if (who == "direct") return {direct, direct};
    return {text_of(what == "cluster" ? "LEASELOCK_BENCH_CLUSTER" : "LEASELOCK_BENCH_SENTINEL"),
            direct};
}

LockManager& manager_at(const std::string& url) {
    static std::mutex mutex;
    static std::map<std::string, LockManager> managers;
    const std::lock_guard lock{mutex};
    const auto found = managers.find(url);
    if (found != managers.end()) return found->second;
    return managers.emplace(url, leaselock::connect(url)).first->second;
}

void cycles(LockManager& locks, const std::vector<std::string>& keys, int count) {
    for (int i = 0; i < count; ++i) {
        auto lock = locks.acquire(keys[static_cast<std::size_t>(i) % keys.size()]);
        if (!lock || lock->release() != leaselock::ReleaseResult::released) {
            throw std::runtime_error("not acquired and released");
        }
    }
}

void awaited(benchmark::State& state, const Target& target) {
    const auto keys = keys_at(target.keys, state.thread_index());
    LockManager& locks = manager_at(target.url);
    std::size_t i = 0;
    for (auto _ : state) {
        auto lock = locks.acquire(keys[i++ % keys.size()]);
        if (!lock || lock->release() != leaselock::ReleaseResult::released) {
            state.SkipWithError("not acquired and released");
            break;
        }
    }
}

double own_seconds() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

void client_time(benchmark::State& state, const Target& target) {
    constexpr int count = 5000;
    const auto keys = keys_at(target.keys, 0);
    LockManager locks = leaselock::connect(target.url);
    cycles(locks, keys, 100);
    for (auto _ : state) {
        const double before = own_seconds();
        cycles(locks, keys, count);
        state.SetIterationTime((own_seconds() - before) / count);
    }
}

void hand_off(benchmark::State& state, const Target& target) {
    constexpr int members = 2;
    constexpr int sections = 500;
    const std::string key = keys_at(target.keys, 0).front();
    for (auto _ : state) {
        bench::Crowd crowd{members, sections};
        crowd.run_processes([&](bench::Board& board, int member) {
            LockManager locks = leaselock::connect(target.url);
            (void)locks.inspect(key);
            board.arrive(members);
            for (bool more = true; more;) {
                leaselock::ScopedDistributedLock lock{
                    locks, key, {.wait_timeout = leaselock::forever}};
                more = board.enter(member);
                std::this_thread::sleep_for(1ms);
                board.leave();
            }
        });
        state.SetIterationTime(crowd.quantile_seconds(0.5));
    }
}

void add(const std::string& name, const std::string& what, const std::string& who, int threads,
         void (*run)(benchmark::State&, const Target&)) {
    auto* const added = benchmark::RegisterBenchmark(
        (name + '/' + who).c_str(),
        [=](benchmark::State& state) { run(state, target_of(what, who)); });
    if (threads > 0) {
        added->Threads(threads)->UseRealTime();
    } else {
        added->Iterations(1)->UseManualTime();
    }
}

const bool registered = [] {
    for (const std::string what : {"sentinel", "cluster"}) {
        for (const std::string who : {"leaselock", "direct", "single"}) {
            for (const int threads : {1, 64}) add(what + "/awaited", what, who, threads, awaited);
            add(what + "/client-time", what, who, 0, client_time);
            add(what + "/handoff", what, who, 0, hand_off);
        }
    }
    for (const std::string who : {"leaselock", "direct"}) {
        for (const int threads : {1, 64})
            add("replicas/awaited", "replicas", who, threads, awaited);
    }
    return true;
}();

}  // namespace

BENCHMARK_MAIN();

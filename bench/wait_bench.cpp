// A lock that many want all the time, sections of no length: the time from one section to the next.
//   leaselock  so many managers, each as a process of its own, or so many threads of one manager;
//   baseline   a PING and its answer.
// Further columns: `commands` are scripts that were run for a section, `fairness` is Jain's index
// of how often each was served. The server's URL comes in LEASELOCK_BENCH_REDIS.
#include <atomic>
#include <benchmark/benchmark.h>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/redis.hpp>

#include "raw_redis.hpp"

namespace {

constexpr int sections = 4000;

double seconds_of(const std::function<void()>& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double fairness_of(const std::vector<int>& served) {
    double sum = 0;
    double squares = 0;
    for (const int each : served) {
        sum += each;
        squares += static_cast<double>(each) * each;
    }
    return sum * sum / (static_cast<double>(served.size()) * squares);
}

void contend(benchmark::State& state, std::size_t managers, std::size_t threads) {
    bench::Raw raw;
    std::vector<leaselock::LockManager> all;
    for (std::size_t i = 0; i < managers; ++i) {
        all.push_back(leaselock::connect(bench::url(), {.owner = "bench:" + std::to_string(i)}));
    }
    for (auto _ : state) {
        std::vector<int> served(managers * threads);
        std::atomic<int> left{sections};
        const long long before = raw.scripts_run();
        const double seconds = seconds_of([&] {
            std::vector<std::jthread> workers;
            for (std::size_t i = 0; i < served.size(); ++i) {
                workers.emplace_back([&, i] {
                    while (left.load() > 0) {
                        const leaselock::ScopedDistributedLock lock{
                            all[i % managers], "hot", {.wait_timeout = leaselock::forever}};
                        if (left.fetch_sub(1) > 0) ++served[i];
                    }
                });
            }
        });
        state.SetIterationTime(seconds / sections);
        state.counters["commands"] = static_cast<double>(raw.scripts_run() - before) / sections;
        state.counters["fairness"] = fairness_of(served);
    }
}

void ping(benchmark::State& state) {
    bench::Raw raw;
    for (auto _ : state) {
        state.SetIterationTime(seconds_of([&] {
                                   for (int i = 0; i < sections; ++i) raw.ping();
                               }) /
                               sections);
        state.counters["commands"] = 0;
        state.counters["fairness"] = 0;
    }
}

void add(const std::string& name, const std::function<void(benchmark::State&)>& run) {
    benchmark::RegisterBenchmark(name.c_str(), run)->Iterations(1)->UseManualTime();
}

void add_pair(const std::string& what, std::size_t managers, std::size_t threads) {
    add(what + "/leaselock", [=](benchmark::State& state) { contend(state, managers, threads); });
    add(what + "/baseline", ping);
}

const bool registered = [] {
    for (const std::size_t count : {2U, 16U, 64U}) {
        add_pair("wait/managers-" + std::to_string(count), count, 1);
    }
    add_pair("wait/threads-16", 1, 16);
    return true;
}();

}  // namespace

BENCHMARK_MAIN();

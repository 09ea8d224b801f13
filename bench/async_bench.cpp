// Uncontended acquire and release by many coroutines on one thread, awaited, the time of a cycle:
//   leaselock  so many coroutines, each with keys of its own, resumed on the manager's thread;
//   baseline   64 threads, a raw hiredis connection each: SET NX PX, and a compare-and-delete;
//   pipelined  the minimal fenced pair, put in line by hand at the same depth.
// The server's URL comes in LEASELOCK_BENCH_REDIS.
#include <atomic>
#include <benchmark/benchmark.h>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/async.hpp>
#include <leaselock/redis.hpp>

#include "raw_redis.hpp"
#include "support/coroutines.hpp"

namespace {

constexpr int cycles = 40'000;
constexpr int threads = 64;

using leaselock::support::Detached;

std::string key_of(int owner) { return "stock-update-" + std::to_string(owner); }

Detached cycle(leaselock::LockManager& locks, int owner, int times, std::atomic<int>& left) {
    const std::string key = key_of(owner);
    for (int i = 0; i < times; ++i) {
        auto lock = co_await locks.async_acquire(key);
        if (!lock || co_await lock->async_release() != leaselock::ReleaseResult::released) {
            std::terminate();
        }
    }
    if (--left == 0) left.notify_one();
}

double seconds_of(const std::function<void()>& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void coroutines(benchmark::State& state, int count) {
    static leaselock::LockManager locks = leaselock::connect(bench::url());
    (void)locks.acquire("first");
    for (auto _ : state) {
        std::atomic<int> left{count};
        state.SetIterationTime(seconds_of([&] {
                                   for (int i = 0; i < count; ++i) {
                                       cycle(locks, i, cycles / count, left);
                                   }
                                   for (int seen = left; seen != 0; seen = left) left.wait(seen);
                               }) /
                               cycles);
    }
}

void raw_threads(benchmark::State& state) {
    std::vector<bench::Raw> raw(threads);
    for (auto _ : state) {
        state.SetIterationTime(seconds_of([&] {
                                   std::vector<std::jthread> workers;
                                   for (int i = 0; i < threads; ++i) {
                                       workers.emplace_back([&, i] {
                                           const std::string key = bench::prefix + key_of(i);
                                           for (int n = 0; n < cycles / threads; ++n) {
                                               raw[static_cast<std::size_t>(i)].plain(key);
                                               raw[static_cast<std::size_t>(i)].release(key);
                                           }
                                       });
                                   }
                               }) /
                               cycles);
    }
}

void pipelined(benchmark::State& state, int depth) {
    bench::Raw raw;
    std::vector<std::string> keys;
    std::vector<std::string> fences;
    for (int i = 0; i < depth; ++i) {
        keys.push_back(bench::prefix + key_of(i));
        fences.push_back("{" + keys.back() + "}:ll:f");
    }
    for (auto _ : state) {
        state.SetIterationTime(seconds_of([&] {
                                   for (int n = 0; n < cycles / depth; ++n) {
                                       raw.pipeline_fenced(keys, fences);
                                   }
                               }) /
                               cycles);
    }
}

void add(const std::string& name, const std::function<void(benchmark::State&)>& run) {
    benchmark::RegisterBenchmark(name.c_str(), run)->Iterations(1)->UseManualTime();
}

const bool registered = [] {
    for (const int count : {64, 256}) {
        const std::string what = "async/coroutines-" + std::to_string(count);
        add(what + "/leaselock", [=](benchmark::State& state) { coroutines(state, count); });
        add(what + "/baseline", raw_threads);
        add(what + "/pipelined", [=](benchmark::State& state) { pipelined(state, count); });
    }
    return true;
}();

}  // namespace

BENCHMARK_MAIN();

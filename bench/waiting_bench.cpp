// What it costs to wait for locks that stay held, while nothing happens.
//   waiting/managers-64       so many managers with a thread each that want one key for 10 s:
//                             `polls` is the scripts that were run for a waiter and a second in
//                             8 s of those, when all stand in the queue;
//   waiting/coroutines-10000  so many coroutines of one manager that want 1 000 keys, on Redis and
//                             in memory: `bytes` that the process has allocated for each, `cores`
//                             that it is busy for in 5 s, and `polls_s`, scripts run in a second.
// The server's URL comes in LEASELOCK_BENCH_REDIS.
#include <benchmark/benchmark.h>
#include <ctime>
#include <list>
#include <malloc.h>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/async.hpp>
#include <leaselock/redis.hpp>

#include "raw_redis.hpp"
#include "support/coroutines.hpp"

namespace {

using leaselock::LockManager;
using leaselock::ScopedDistributedLock;
using leaselock::support::Detached;
using namespace std::chrono_literals;

// Each run has to have each counter.
void no_counts(benchmark::State& state) {
    for (const char* const name : {"polls", "bytes", "cores", "polls_s"}) state.counters[name] = 0;
}

void managers(benchmark::State& state) {
    no_counts(state);
    constexpr int count = 64;
    constexpr auto wait = 10s;
    constexpr auto seen = 8s;
    bench::Raw raw;
    LockManager holder = leaselock::connect(bench::url());
    std::list<LockManager> all;
    for (int i = 0; i < count; ++i) all.push_back(leaselock::connect(bench::url()));
    for (auto _ : state) {
        const ScopedDistributedLock held{holder, "hot"};
        std::vector<std::jthread> threads;
        for (LockManager& each : all) {
            threads.emplace_back([&] { (void)each.acquire("hot", {.wait_timeout = wait}); });
        }
        std::this_thread::sleep_for((wait - seen) / 2);
        const long long before = raw.scripts_run();
        std::this_thread::sleep_for(seen);
        const auto scripts = static_cast<double>(raw.scripts_run() - before);
        state.counters["polls"] = scripts / count / static_cast<double>(seen.count());
    }
}

double processor_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double allocated() {
    const auto info = ::mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd);
}

std::string key_of(int i) { return "stock-update-" + std::to_string(i); }

Detached wait_for(LockManager& locks, std::string key, std::stop_token stop,
                  std::atomic<int>& left) {
    (void)co_await locks.async_acquire(key, {.wait_timeout = leaselock::forever}, stop);
    if (--left == 0) left.notify_one();
}

void coroutines(benchmark::State& state, LockManager& holder, LockManager& locks, bench::Raw* raw) {
    no_counts(state);
    constexpr int count = 10'000;
    constexpr int keys = 1'000;
    constexpr auto idle = 5s;
    std::vector<ScopedDistributedLock> held;
    for (int i = 0; i < keys; ++i) held.emplace_back(holder, key_of(i));
    for (auto _ : state) {
        std::stop_source stop;
        std::atomic<int> left{count};
        const double before = allocated();
        for (int i = 0; i < count; ++i) {
            wait_for(locks, key_of(i % keys), stop.get_token(), left);
        }
        std::this_thread::sleep_for(2s);
        state.counters["bytes"] = (allocated() - before) / count;
        const long long scripts = raw == nullptr ? 0 : raw->scripts_run();
        const double begin = processor_seconds();
        std::this_thread::sleep_for(idle);
        state.counters["cores"] = (processor_seconds() - begin) / 5;
        if (raw != nullptr) {
            state.counters["polls_s"] = static_cast<double>(raw->scripts_run() - scripts) / 5;
        }
        stop.request_stop();
        for (int seen = left; seen != 0; seen = left) left.wait(seen);
    }
}

void coroutines_on_redis(benchmark::State& state) {
    bench::Raw raw;
    LockManager holder = leaselock::connect(bench::url());
    LockManager locks = leaselock::connect(bench::url());
    coroutines(state, holder, locks, &raw);
}

void coroutines_in_memory(benchmark::State& state) {
    LockManager locks;
    coroutines(state, locks, locks, nullptr);
}

BENCHMARK(managers)->Name("waiting/managers-64/leaselock")->Iterations(1)->UseRealTime();
BENCHMARK(coroutines_on_redis)
    ->Name("waiting/coroutines-10000/leaselock")
    ->Iterations(1)
    ->UseRealTime();
BENCHMARK(coroutines_in_memory)
    ->Name("waiting/coroutines-10000-in-memory/leaselock")
    ->Iterations(1)
    ->UseRealTime();

}  // namespace

BENCHMARK_MAIN();

// Shares of one lock in Redis.
//   share/readers-0, share/readers-1000   a reader's acquire and its awaited release, beside so
//   many
//                     who hold theirs; the baseline is the same of a whole lock, which nobody has;
//   share/permits     the same with two of 5 000 permits, beside 1000 who have one;
//   share/let-in-1000 so many coroutines of one manager that wait for a share after a writer: from
//                     its release until all are in. `messages` that the server sent for it, and
//                     `scripts` that were run, that of the release included.
// The server's URL comes in LEASELOCK_BENCH_REDIS.
#include <atomic>
#include <benchmark/benchmark.h>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/async.hpp>
#include <leaselock/redis.hpp>

#include "raw_redis.hpp"
#include "support/coroutines.hpp"

namespace {

using leaselock::LockManager;
using leaselock::LockOptions;
using leaselock::ScopedDistributedLock;
using leaselock::Share;
using leaselock::support::Detached;
using namespace std::chrono_literals;

LockManager& locks() {
    static LockManager manager = leaselock::connect(bench::url());
    return manager;
}

void cycles(benchmark::State& state, const std::string& key, Share share) {
    for (auto _ : state) {
        auto lock = locks().acquire(key, {.share = share});
        if (!lock || lock->release() != leaselock::ReleaseResult::released) {
            state.SkipWithError("not acquired and released");
            break;
        }
    }
}

void beside(benchmark::State& state, int others, Share theirs, Share share) {
    std::vector<ScopedDistributedLock> held;
    for (int i = 0; i < others; ++i) {
        held.emplace_back(locks(), "shared", LockOptions{.share = theirs});
    }
    cycles(state, "shared", share);
    for (ScopedDistributedLock& each : held) (void)each.release();
}

void reader(benchmark::State& state) { beside(state, 0, leaselock::shared, leaselock::shared); }
void reader_beside_many(benchmark::State& state) {
    beside(state, 1000, leaselock::shared, leaselock::shared);
}
void permits(benchmark::State& state) { beside(state, 1000, {1, 5000}, {2, 5000}); }
void whole(benchmark::State& state) { cycles(state, "whole", leaselock::exclusive); }

Detached read(LockManager& manager, std::optional<ScopedDistributedLock>& lock,
              std::atomic<int>& inside, int all) {
    lock = co_await manager.async_acquire(
        "let-in", {.wait_timeout = leaselock::forever, .share = leaselock::shared});
    if (++inside == all) inside.notify_one();
}

void let_in(benchmark::State& state) {
    constexpr int count = 1000;
    bench::Raw raw;
    for (auto _ : state) {
        LockManager manager = leaselock::connect(bench::url());
        ScopedDistributedLock writer{locks(), "let-in"};
        std::atomic<int> inside{0};
        std::vector<std::optional<ScopedDistributedLock>> readers(count);
        for (auto& each : readers) read(manager, each, inside, count);
        while (locks().inspect("let-in").waiting < count) std::this_thread::sleep_for(1ms);
        // Until all know by a poll that they are notified.
        std::this_thread::sleep_for(2s);
        const long long messages = raw.calls("publish");
        const long long scripts = raw.scripts_run();
        const auto begin = std::chrono::steady_clock::now();
        (void)writer.release();
        for (int seen = inside; seen != count; seen = inside) inside.wait(seen);
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
        state.SetIterationTime(took.count());
        state.counters["scripts"] = static_cast<double>(raw.scripts_run() - scripts);
        state.counters["messages"] = static_cast<double>(raw.calls("publish") - messages);
    }
}

BENCHMARK(reader)->Name("share/readers-0/leaselock")->UseRealTime();
BENCHMARK(whole)->Name("share/readers-0/baseline")->UseRealTime();
BENCHMARK(reader_beside_many)->Name("share/readers-1000/leaselock")->UseRealTime();
BENCHMARK(whole)->Name("share/readers-1000/baseline")->UseRealTime();
BENCHMARK(permits)->Name("share/permits/leaselock")->UseRealTime();
BENCHMARK(whole)->Name("share/permits/baseline")->UseRealTime();
BENCHMARK(let_in)->Name("share/let-in-1000/leaselock")->Iterations(1)->UseManualTime();

}  // namespace

BENCHMARK_MAIN();

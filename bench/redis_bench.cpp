// Uncontended, awaited acquire and release of a lock in Redis, on 1, 16 and 64 threads, against raw
// hiredis loops with a connection per thread:
//   baseline  the minimal fenced pair: a script of SET NX PX + INCR, and a compare-and-delete;
//   unfenced  SET NX PX, and a compare-and-delete. For information.
// Both sides use the same keys. The server's URL comes in LEASELOCK_BENCH_REDIS.
#include <benchmark/benchmark.h>
#include <string>
#include <vector>

#include <leaselock/redis.hpp>

#include "raw_redis.hpp"

namespace {

using bench::prefix;
using bench::Raw;
using bench::url;

std::vector<std::string> keys_of(int thread) {
    std::vector<std::string> keys;
    for (int i = 0; i < 64; ++i) {
        keys.push_back("stock-update-" + std::to_string(thread) + "-" + std::to_string(i));
    }
    return keys;
}

void minimal_fenced_pair(benchmark::State& state) {
    Raw raw;
    auto keys = keys_of(state.thread_index());
    for (auto& key : keys) key.insert(0, prefix);
    std::vector<std::string> fences;
    for (const auto& key : keys) fences.push_back("{" + key + "}:ll:f");
    std::size_t i = 0;
    for (auto _ : state) {
        raw.fenced(keys[i % keys.size()], fences[i % keys.size()]);
        raw.release(keys[i++ % keys.size()]);
    }
}

void unfenced_pair(benchmark::State& state) {
    Raw raw;
    auto keys = keys_of(state.thread_index());
    for (auto& key : keys) key.insert(0, prefix);
    std::size_t i = 0;
    for (auto _ : state) {
        raw.plain(keys[i % keys.size()]);
        raw.release(keys[i++ % keys.size()]);
    }
}

void leaselock_redis(benchmark::State& state) {
    static leaselock::LockManager locks = leaselock::connect(url());
    const auto keys = keys_of(state.thread_index());
    std::size_t i = 0;
    for (auto _ : state) {
        auto lock = locks.acquire(keys[i++ % keys.size()]);
        if (!lock || lock->release() != leaselock::ReleaseResult::released) {
            state.SkipWithError("not acquired and released");
            break;
        }
    }
}

BENCHMARK(minimal_fenced_pair)
    ->Name("redis/uncontended/baseline")
    ->ThreadRange(1, 1)
    ->Threads(16)
    ->Threads(64)
    ->UseRealTime();
BENCHMARK(unfenced_pair)
    ->Name("redis/uncontended/unfenced")
    ->ThreadRange(1, 1)
    ->Threads(16)
    ->Threads(64)
    ->UseRealTime();
BENCHMARK(leaselock_redis)
    ->Name("redis/uncontended/leaselock")
    ->ThreadRange(1, 1)
    ->Threads(16)
    ->Threads(64)
    ->UseRealTime();

}  // namespace

BENCHMARK_MAIN();

// What TLS costs: awaited acquire and release, two round trips, over rediss:// against the same
// over redis:// to the same server. The URLs come in LEASELOCK_BENCH_REDISS and
// LEASELOCK_BENCH_REDIS.
#include <benchmark/benchmark.h>
#include <cstdlib>
#include <string>

#include <leaselock/redis.hpp>

namespace {

void acquire_and_release(benchmark::State& state, const char* variable) {
    const char* const url = std::getenv(variable);
    leaselock::LockManager locks = leaselock::connect(url == nullptr ? "" : url);
    for (auto _ : state) {
        auto lock = locks.acquire("stock-update-1");
        if (!lock || lock->release() != leaselock::ReleaseResult::released) {
            state.SkipWithError("not acquired and released");
            break;
        }
    }
}

BENCHMARK_CAPTURE(acquire_and_release, tcp, "LEASELOCK_BENCH_REDIS")
    ->Name("tls/acquire-release/baseline")
    ->UseRealTime();
BENCHMARK_CAPTURE(acquire_and_release, tls, "LEASELOCK_BENCH_REDISS")
    ->Name("tls/acquire-release/leaselock")
    ->UseRealTime();

}  // namespace

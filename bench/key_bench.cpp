// A key by LEASELOCK_KEY against fmt::format of the same values into a std::string, with nothing to
// escape: what the checks and the encoding cost on top of the formatting.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <string>

#include <leaselock/key_macros.hpp>

namespace {

// Hides a value from the optimizer, as one that comes from a request is.
template <class T>
T opaque(T value) {
    benchmark::DoNotOptimize(value);
    return value;
}

void int_baseline(benchmark::State& state) {
    int productId = opaque(184'467);
    for (auto _ : state) {
        benchmark::DoNotOptimize(productId);
        benchmark::DoNotOptimize(fmt::format("stock-{}", productId));
    }
}
void int_leaselock(benchmark::State& state) {
    int productId = opaque(184'467);
    for (auto _ : state) {
        benchmark::DoNotOptimize(productId);
        benchmark::DoNotOptimize(LEASELOCK_KEY("stock-{{productId}}", productId));
    }
}
BENCHMARK(int_baseline)->Name("key/int/baseline");
BENCHMARK(int_leaselock)->Name("key/int/leaselock");

void string_and_int_baseline(benchmark::State& state) {
    std::string region = opaque(std::string("eu_central"));
    int productId = opaque(184'467);
    for (auto _ : state) {
        benchmark::DoNotOptimize(region);
        benchmark::DoNotOptimize(productId);
        benchmark::DoNotOptimize(fmt::format("stock-{}-{}", region, productId));
    }
}
void string_and_int_leaselock(benchmark::State& state) {
    std::string region = opaque(std::string("eu_central"));
    int productId = opaque(184'467);
    for (auto _ : state) {
        benchmark::DoNotOptimize(region);
        benchmark::DoNotOptimize(productId);
        benchmark::DoNotOptimize(
            LEASELOCK_KEY("stock-{{region}}-{{productId}}", region, productId));
    }
}
BENCHMARK(string_and_int_baseline)->Name("key/string-and-int/baseline");
BENCHMARK(string_and_int_leaselock)->Name("key/string-and-int/leaselock");

void uuid_baseline(benchmark::State& state) {
    std::string order = opaque(std::string("6f1c9f0e-8d5b-4d0a-9a3e-2b7c51d0e4af"));
    for (auto _ : state) {
        benchmark::DoNotOptimize(order);
        benchmark::DoNotOptimize(fmt::format("order-{}", order));
    }
}
void uuid_leaselock(benchmark::State& state) {
    std::string order = opaque(std::string("6f1c9f0e-8d5b-4d0a-9a3e-2b7c51d0e4af"));
    for (auto _ : state) {
        benchmark::DoNotOptimize(order);
        benchmark::DoNotOptimize(LEASELOCK_KEY("order-{{order}}", order));
    }
}
BENCHMARK(uuid_baseline)->Name("key/uuid/baseline");
BENCHMARK(uuid_leaselock)->Name("key/uuid/leaselock");

}  // namespace

BENCHMARK_MAIN();

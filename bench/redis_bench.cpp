// Uncontended locks in Redis on 1, 16 and 64 threads, against raw hiredis loops with a connection
// per thread, which await every answer. Both sides use the same keys.
//   redis/awaited   acquire, and release with its answer;
//   redis/scoped    a guard, whose destructor writes the release and goes on;
//   redis/spin      the same, by a manager that looks for answers before it sleeps;
//   baseline        SET NX PX, and a compare-and-delete;
//   fenced          the minimal fenced pair: a script of SET NX PX + INCR, and a
//                   compare-and-delete;
//   scripts         those that leaselock sends, as bytes that were written before the time is
//   taken:
//                   a client that costs next to nothing cannot be faster without spinning;
//   redis/cpu       the processor time that the server spends on a cycle; the baseline is the
//   fenced
//                   pair.
// The server's URL comes in LEASELOCK_BENCH_REDIS.
#include <benchmark/benchmark.h>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/redis.hpp>

#include "raw_redis.hpp"
#include "redis/codec.hpp"

namespace {

using bench::Raw;
using leaselock::LockManager;
using namespace std::chrono_literals;

std::vector<std::string> keys_of(int thread, const char* prefix = "") {
    std::vector<std::string> keys;
    for (int i = 0; i < 64; ++i) {
        keys.push_back(prefix + ("stock-update-" + std::to_string(thread)) + "-" +
                       std::to_string(i));
    }
    return keys;
}

class FencedPair {
  public:
    explicit FencedPair(int thread) : keys_{keys_of(thread, bench::prefix)} {
        for (const auto& key : keys_) fences_.push_back("{" + key + "}:ll:f");
    }
    void cycle() {
        raw_.fenced(keys_[i_ % keys_.size()], fences_[i_ % keys_.size()]);
        raw_.release(keys_[i_++ % keys_.size()]);
    }

  private:
    Raw raw_;
    std::vector<std::string> keys_;
    std::vector<std::string> fences_;
    std::size_t i_ = 0;
};

void fenced(benchmark::State& state) {
    FencedPair pair{state.thread_index()};
    for (auto _ : state) pair.cycle();
}

void plain(benchmark::State& state) {
    Raw raw;
    const auto keys = keys_of(state.thread_index(), bench::prefix);
    std::size_t i = 0;
    for (auto _ : state) {
        raw.plain(keys[i % keys.size()]);
        raw.release(keys[i++ % keys.size()]);
    }
}

LockManager& locks() {
    static LockManager manager = leaselock::connect(bench::url());
    return manager;
}

class OwnScripts : bench::Pipeline {
  public:
    explicit OwnScripts(int thread) {
        for (const std::string& key : keys_of(thread, bench::prefix)) {
            leaselock::Request request{.verb = leaselock::Verb::acquire,
                                       .key = key,
                                       .prefix = std::strlen(bench::prefix),
                                       .token = bench::token,
                                       .ttl = 30s,
                                       .unqueued = true};
            commands_.push_back(written(request));
            request.verb = leaselock::Verb::release;
            commands_.push_back(written(request));
        }
    }
    void cycle() {
        for (const int each : {0, 1}) {
            append_written(commands_[(i_ + static_cast<std::size_t>(each)) % commands_.size()]);
            if (next()->integer <= 0) throw std::runtime_error("not acquired and released");
        }
        i_ += 2;
    }

  private:
    // The server gets to know the script.
    std::string written(const leaselock::Request& request) {
        std::string command;
        for (const bool with_text : {true, false}) {
            command.clear();
            leaselock::redis::append_request(command, request, with_text,
                                             leaselock::redis::no_limit, {});
            if (with_text) {
                append_written(command);
                (void)next();
            }
        }
        return command;
    }

    std::vector<std::string> commands_;
    std::size_t i_ = 0;
};

void own_scripts(benchmark::State& state) {
    OwnScripts scripts{state.thread_index()};
    for (auto _ : state) scripts.cycle();
}

void awaited(benchmark::State& state) {
    const auto keys = keys_of(state.thread_index());
    std::size_t i = 0;
    for (auto _ : state) {
        auto lock = locks().acquire(keys[i++ % keys.size()]);
        if (!lock || lock->release() != leaselock::ReleaseResult::released) {
            state.SkipWithError("not acquired and released");
            break;
        }
    }
}

void guards_of(LockManager& manager, benchmark::State& state) {
    const auto keys = keys_of(state.thread_index());
    std::size_t i = 0;
    for (auto _ : state) {
        const leaselock::ScopedDistributedLock guard{manager, keys[i++ % keys.size()]};
    }
}

void scoped(benchmark::State& state) { guards_of(locks(), state); }

void spinning(benchmark::State& state) {
    LockManager manager;
    manager.register_backend("spin",
                             leaselock::make_redis_backend({.url = bench::url(), .spin = 100us}));
    manager.set_default_backend("spin");
    guards_of(manager, state);
}

template <class Cycle>
void server_time(benchmark::State& state, const Cycle& cycle) {
    constexpr int cycles = 10'000;
    Raw raw;
    for (auto _ : state) {
        const double before = raw.server_seconds();
        for (int i = 0; i < cycles; ++i) cycle();
        state.SetIterationTime((raw.server_seconds() - before) / cycles);
    }
}

void server_time_of_ours(benchmark::State& state) {
    const auto keys = keys_of(0);
    std::size_t i = 0;
    server_time(state, [&] {
        if (auto lock = locks().acquire(keys[i++ % keys.size()])) (void)lock->release();
    });
}

void server_time_of_pair(benchmark::State& state) {
    FencedPair pair{0};
    server_time(state, [&] { pair.cycle(); });
}

void add(const char* name, void (*run)(benchmark::State&)) {
    for (const int threads : {1, 16, 64}) {
        benchmark::RegisterBenchmark(name, run)->Threads(threads)->UseRealTime();
    }
}

const bool registered = [] {
    add("redis/awaited/leaselock", awaited);
    add("redis/awaited/baseline", plain);
    add("redis/awaited/fenced", fenced);
    benchmark::RegisterBenchmark("redis/awaited/scripts", own_scripts)->Threads(1)->UseRealTime();
    add("redis/scoped/leaselock", scoped);
    add("redis/scoped/baseline", plain);
    benchmark::RegisterBenchmark("redis/spin/leaselock", spinning)->UseRealTime();
    benchmark::RegisterBenchmark("redis/spin/baseline", plain)->UseRealTime();
    benchmark::RegisterBenchmark("redis/cpu/leaselock", server_time_of_ours)
        ->Iterations(1)
        ->UseManualTime();
    benchmark::RegisterBenchmark("redis/cpu/baseline", server_time_of_pair)
        ->Iterations(1)
        ->UseManualTime();
    return true;
}();

}  // namespace

BENCHMARK_MAIN();

// A lock that many want all the time: the time from a release to the next holder.
//   leaselock  so many processes with a manager each, or so many threads of one manager, with
//              sections of no length or of 1 ms. The median; in `...-p99` the 99th percentile;
//   raw        the same, handed over by hand (raw_hand_off.hpp), with connections for each member.
// Counted: `commands`, scripts that were run for a section, and `fairness`, Jain's index of how
// often each was served. The server's URL comes in LEASELOCK_BENCH_REDIS.
#include <benchmark/benchmark.h>
#include <string>

#include <leaselock/redis.hpp>

#include "crowd.hpp"
#include "raw_hand_off.hpp"
#include "raw_redis.hpp"

namespace {

using leaselock::LockManager;
using std::chrono::milliseconds;

struct Case {
    const char* who;  // processes or threads
    int members;
    milliseconds section;
    double share;  // of the times; 0.5 is the median

    [[nodiscard]] std::string name() const {
        return "handoff/" + std::string{who} + "-" + std::to_string(members) + "-section-" +
               std::to_string(section.count()) + "ms" + (share > 0.5 ? "-p99" : "");
    }
    [[nodiscard]] bool processes() const { return std::string{who} == "processes"; }
    [[nodiscard]] int sections() const { return section.count() > 0 ? 1000 : 3000; }
};

// False: enough was seen.
bool spend(milliseconds section, bench::Board& board, int member) {
    const bool more = board.enter(member);
    if (section.count() > 0) std::this_thread::sleep_for(section);
    board.leave();
    return more;
}

void work(LockManager& locks, milliseconds section, bench::Board& board, int member) {
    for (bool more = true; more;) {
        leaselock::ScopedDistributedLock lock{locks, "hot", {.wait_timeout = leaselock::forever}};
        more = spend(section, board, member);
    }
}

void contend(benchmark::State& state, const Case& what) {
    bench::Raw raw;
    for (auto _ : state) {
        bench::Crowd crowd{what.members, what.sections()};
        const long long before = raw.scripts_run();
        if (!what.processes()) {
            LockManager locks = leaselock::connect(bench::url());
            crowd.run_threads(
                [&](bench::Board& board, int member) { work(locks, what.section, board, member); });
        } else {
            crowd.run_processes([&](bench::Board& board, int member) {
                LockManager locks = leaselock::connect(bench::url());
                (void)locks.acquire("mine:" + std::to_string(member));
                board.arrive(what.members);
                work(locks, what.section, board, member);
            });
        }
        state.SetIterationTime(crowd.quantile_seconds(what.share));
        // Each process has had a lock of its own before, which takes two.
        const long long own = what.processes() ? 2 * what.members : 0;
        const auto scripts = static_cast<double>(raw.scripts_run() - before - own);
        state.counters["commands"] = scripts / (what.sections() + what.members);
        state.counters["fairness"] = crowd.fairness();
    }
}

void raw(benchmark::State& state, const Case& what) {
    const bench::Crowd::Work by_hand = [&](bench::Board& board, int member) {
        bench::RawHandOff lock{member};
        board.arrive(what.members);
        for (bool more = true; more;) {
            lock.lock();
            more = spend(what.section, board, member);
            lock.unlock();
        }
    };
    for (auto _ : state) {
        bench::Crowd crowd{what.members, what.sections()};
        what.processes() ? crowd.run_processes(by_hand) : crowd.run_threads(by_hand);
        state.SetIterationTime(crowd.quantile_seconds(what.share));
        state.counters["commands"] = 0;
        state.counters["fairness"] = 0;
    }
}

void add(const Case& what) {
    benchmark::RegisterBenchmark((what.name() + "/leaselock").c_str(),
                                 [what](benchmark::State& state) { contend(state, what); })
        ->Iterations(1)
        ->UseManualTime();
    benchmark::RegisterBenchmark((what.name() + "/raw").c_str(),
                                 [what](benchmark::State& state) { raw(state, what); })
        ->Iterations(1)
        ->UseManualTime();
}

const bool registered = [] {
    for (const double share : {0.5, 0.99}) {
        for (const int length : {0, 1}) {
            for (const int members : {2, 16, 64}) {
                add({"processes", members, milliseconds{length}, share});
            }
        }
        add({"threads", 16, milliseconds{0}, share});
    }
    return true;
}();

}  // namespace

BENCHMARK_MAIN();

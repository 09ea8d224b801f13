// What it costs to hold many locks whose renewal is on: the time is the processor time of one
// renewal, all threads together. Only the LeaseTask has something to do meanwhile.
//   leaselock  so many locks, all due at once, again and again until 100 000 are renewed: the
//              manager's clock is put forward by a third of their ttl;
//   at-1000    the same with 1 000 locks: what it would be if the cost grew linearly;
//   baseline   a raw hiredis loop that pipelines the same script calls, 1 000 in a write.
// Further columns: `per_s` is renewals in a second of that, `bytes` what the process has allocated
// for each held lock (in memory that is the store's entry, too), `paced_per_s` and `paced_cpu` how
// many renewals come in a second when they come by themselves, in a third of the ttl, and the part
// of a core that they take. The server's URL comes in LEASELOCK_BENCH_REDIS.
//
// `watched`: an observer that is notified of acquire and release, while so many other locks are
// held whose lost() was asked for: the processor time of one pair, against `at-none` with none of
// them.
#include <array>
#include <atomic>
#include <benchmark/benchmark.h>
#include <functional>
#include <malloc.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <time.h>
#include <vector>

#include <leaselock/redis.hpp>

#include "leap_clock.hpp"
#include "raw_redis.hpp"
#include "redis_scripts.hpp"

namespace {

using std::chrono::milliseconds;

double seconds_of(clockid_t clock) {
    timespec ts{};
    ::clock_gettime(clock, &ts);
    return static_cast<double>(ts.tv_sec) + static_cast<double>(ts.tv_nsec) / 1e9;
}

struct Used {
    double wall = seconds_of(CLOCK_MONOTONIC);
    double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    friend Used operator-(const Used& a, const Used& b) { return {a.wall - b.wall, a.cpu - b.cpu}; }
};

double allocated() {
    const auto info = ::mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd);
}

// So many locks, held by 16 threads that have ended.
class Held {
  public:
    Held(bool in_redis, std::size_t count, milliseconds ttl) : count_{count}, ttl_{ttl} {
        if (in_redis) {
            leaselock::RedisOptions options;
            options.url = bench::url();
            options.clock = clock_;
            locks_.register_backend("redis", leaselock::make_redis_backend(options));
            locks_.set_default_backend("redis");
        }
        for (auto& each : held_) each.reserve(count / held_.size() + 1);
        (void)locks_.acquire("first");  // brings the thread and the connections
        const double before = allocated();
        each_thread([&](std::size_t thread) {
            for (std::size_t i = thread; i < count_; i += held_.size()) {
                held_[thread].push_back(
                    locks_.acquire("stock-update-" + std::to_string(i), {.ttl = ttl_}).value());
            }
        });
        bytes_ = (allocated() - before) / static_cast<double>(count_);
    }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() {
        each_thread([&](std::size_t thread) { held_[thread].clear(); });
    }

    [[nodiscard]] double bytes() const { return bytes_; }
    // How many were renewed in a third of the ttl, and what that took.
    Used pace(std::uint64_t& renewed) {
        const std::uint64_t before = locks_.stats().renewed;
        const Used begin;
        std::this_thread::sleep_for(ttl_ / 3);
        const Used used = Used{} - begin;
        renewed = locks_.stats().renewed - before;
        return used;
    }
    // What it takes to renew each of them so many times.
    Used bursts(std::size_t times) {
        const std::uint64_t before = locks_.stats().renewed;
        const Used begin;
        for (std::size_t i = 1; i <= times; ++i) {
            clock_->leap(ttl_ / 3);
            while (locks_.stats().renewed - before < i * count_) {
                if (locks_.stats().lost != 0) throw std::runtime_error("lost");
                std::this_thread::sleep_for(milliseconds{10});  // it is measured, too
            }
        }
        return Used{} - begin;
    }

  private:
    template <class Function>
    void each_thread(const Function& function) {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < held_.size(); ++i) threads.emplace_back(function, i);
    }

    const std::size_t count_;
    const milliseconds ttl_;
    const std::shared_ptr<bench::LeapClock> clock_ = std::make_shared<bench::LeapClock>();
    leaselock::LockManager locks_{{.clock = clock_, .shutdown_timeout = std::chrono::seconds{10}}};
    std::array<std::vector<leaselock::ScopedDistributedLock>, 16> held_;
    double bytes_ = 0;
};

// Of each measurement, whatever the number of locks.
constexpr std::size_t renewals = 100'000;

void report(benchmark::State& state, std::size_t count, const Used& used) {
    state.SetIterationTime(used.cpu / static_cast<double>(count));
    state.counters["per_s"] = static_cast<double>(count) / used.wall;
    for (const char* const name : {"bytes", "paced_per_s", "paced_cpu"}) state.counters[name] = 0;
}

void leaselock_holds(benchmark::State& state, bool in_redis, std::size_t count, milliseconds ttl) {
    Held held{in_redis, count, ttl};
    for (auto _ : state) {
        std::uint64_t renewed = 0;
        const Used paced = held.pace(renewed);
        report(state, renewals, held.bursts(renewals / count));
        state.counters["bytes"] = held.bytes();
        state.counters["paced_per_s"] = static_cast<double>(renewed) / paced.wall;
        state.counters["paced_cpu"] = paced.cpu / paced.wall;
    }
}

struct Count final : leaselock::Observer {
    std::atomic<std::size_t> released{0};
    void on_released(const leaselock::LockEvent& /*event*/) override { ++released; }
};

void observed(benchmark::State& state, std::size_t watched) {
    constexpr std::size_t batch = 1'000;  // fewer than events that are kept
    constexpr std::size_t pairs = 20 * batch;
    const auto count = std::make_shared<Count>();
    leaselock::LockManager locks{{.observer = count}};
    std::vector<leaselock::ScopedDistributedLock> held;
    for (std::size_t i = 0; i < watched; ++i) {
        held.push_back(
            locks.acquire("stock-update-" + std::to_string(i), {.ttl = std::chrono::hours{1}})
                .value());
        (void)held.back().lost();
    }
    for (auto _ : state) {
        const Used begin;
        for (std::size_t done = batch; done <= pairs; done += batch) {
            for (std::size_t i = 0; i < batch; ++i) (void)locks.acquire("another");
            while (count->released < done) std::this_thread::yield();
        }
        report(state, pairs, Used{} - begin);
    }
}

using Words = std::vector<std::string>;

void expect(bench::Pipeline& redis, int type, long long integer) {
    const bench::Answer answer = redis.next();
    if (answer->type != type || answer->integer != integer) throw std::runtime_error("answer");
}

// The commands are put together again for each renewal, as by a holder that renews.
void by_hand(benchmark::State& state, std::size_t count) {
    constexpr std::size_t batch = 1000;
    const std::string ttl = "30000";
    std::vector<std::array<std::string, 2>> held;  // key, token
    for (std::size_t i = 0; i < count; ++i) {
        const std::string key = "hazel:lock:stock-update-" + std::to_string(i);
        held.push_back({key, "vm:12345/0123456789abcdef0123456789abcdef"});
    }
    bench::Pipeline redis;
    redis.append({"SCRIPT", "LOAD", std::string(leaselock::redis::scripts::renew_text)});
    expect(redis, REDIS_REPLY_STRING, 0);
    const auto in_batches = [&](const auto& words, int type, long long integer) {
        for (std::size_t i = 0; i < count; i += batch) {
            for (std::size_t j = i; j < i + batch; ++j) redis.append(words(held[j]));
            for (std::size_t j = 0; j < batch; ++j) expect(redis, type, integer);
        }
    };
    using Lock = std::array<std::string, 2>;
    in_batches(
        [&](const Lock& lock) {
            return Words{"SET", lock[0], lock[1], "PX", ttl};
        },
        REDIS_REPLY_STATUS, 0);
    const std::string sha1{leaselock::redis::scripts::renew_sha1};
    for (auto _ : state) {
        const Used begin;
        in_batches(
            [&](const Lock& lock) {
                return Words{"EVALSHA", sha1, "1", lock[0], lock[1], "60000"};
            },
            REDIS_REPLY_INTEGER, 1);
        report(state, count, Used{} - begin);
    }
    in_batches([](const Lock& lock) { return Words{"DEL", lock[0]}; }, REDIS_REPLY_INTEGER, 1);
}

void add(const std::string& name, const std::function<void(benchmark::State&)>& run) {
    benchmark::RegisterBenchmark(name.c_str(), run)->Iterations(1)->UseManualTime();
}

void add(const std::string& name, bool in_redis, std::size_t count, milliseconds ttl) {
    add(name, [=](benchmark::State& state) { leaselock_holds(state, in_redis, count, ttl); });
}

// The ttl is such that a third of it is about what it takes to acquire them, so that by themselves
// they are due one after the other.
const bool registered = [] {
    const milliseconds quick{1500};
    for (const std::size_t count : {std::size_t{10'000}, std::size_t{100'000}}) {
        const std::string memory = "hold/memory-" + std::to_string(count);
        const std::string redis = "hold/redis-" + std::to_string(count);
        add(memory + "/leaselock", false, count, quick);
        add(memory + "/at-1000", false, 1'000, quick);
        add(redis + "/leaselock", true, count, count == 10'000 ? quick : milliseconds{9000});
        add(redis + "/at-1000", true, 1'000, quick);
        add(redis + "/baseline", [count](benchmark::State& state) { by_hand(state, count); });
    }
    for (const std::size_t count : {std::size_t{10'000}, std::size_t{100'000}}) {
        const std::string watched = "watched/memory-" + std::to_string(count);
        add(watched + "/leaselock", [count](benchmark::State& state) { observed(state, count); });
        add(watched + "/at-none", [](benchmark::State& state) { observed(state, 0); });
    }
    return true;
}();

}  // namespace

BENCHMARK_MAIN();

#include "cli/bench.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fmt/format.h>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include <leaselock/error.hpp>
#include <leaselock/scoped_distributed_lock.hpp>

#include "cli/exit_code.hpp"
#include "cli/output.hpp"

namespace leaselock::cli {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using Samples = std::vector<nanoseconds>;

constexpr LockOptions cycle_options{.ttl = std::chrono::seconds{10}, .renewal = Renewal::off};

// Of nobody else.
std::string own_key() {
    std::random_device random;
    return fmt::format("leaselock-bench:{:08x}{:08x}", random(), random());
}

// Calls once that are not counted, for the connection and what the server has to load; then until
// the time is over.
template <class Call>
Samples measure(milliseconds time, const Call& call) {
    call();
    Samples samples;
    const auto end = Steady::now() + time;
    for (auto begin = Steady::now(); begin < end;) {
        call();
        const auto now = Steady::now();
        samples.push_back(now - begin);
        begin = now;
    }
    return samples;
}

ScopedDistributedLock acquired(LockManager& locks, const std::string& key,
                               const LockOptions& options) {
    auto lock = locks.acquire(key, options);
    if (!lock) throw LockError(Errc::busy, fmt::format("somebody else holds '{}'", key));
    return std::move(*lock);
}

// Two that wait for each other's release, in turns: what each notes when it lets go, the other
// reads when it has the lock.
class HandOffs {
  public:
    HandOffs(const Options& options, std::string key) : options_{options}, key_{std::move(key)} {}

    Samples run() {
        std::exception_ptr why;
        std::jthread other{[&] {
            try {
                take_turns();
            } catch (...) {
                why = std::current_exception();
                over_ = true;
            }
        }};
        try {
            take_turns();
        } catch (...) {
            over_ = true;
            throw;
        }
        other.join();
        if (why) std::rethrow_exception(why);
        return std::move(samples_);
    }

  private:
    void take_turns() {
        Store store = open_store(options_.store);
        const LockOptions options{.ttl = std::chrono::seconds{10},
                                  .wait_timeout = std::chrono::seconds{30}};
        while (!over_) {
            auto lock = acquired(store.locks, key_, options);
            note(Steady::now());
            if (lock.release() == ReleaseResult::lost) {
                throw LockError(Errc::lost, fmt::format("lock '{}' was lost", key_));
            }
        }
    }

    // With the lock, just before its release.
    void note(Steady::time_point now) {
        const std::lock_guard lock{mutex_};
        const auto self = std::this_thread::get_id();
        if (last_ != std::thread::id{} && last_ != self) samples_.push_back(now - released_);
        if (began_ == Steady::time_point{}) began_ = now;
        if (now - began_ > options_.bench_time) over_ = true;
        last_ = self;
        released_ = Steady::now();
    }

    const Options& options_;
    const std::string key_;
    std::atomic<bool> over_{false};
    std::mutex mutex_;
    Samples samples_{};
    std::thread::id last_{};
    Steady::time_point began_{};
    Steady::time_point released_{};
};

nanoseconds quantile(Samples& samples, std::size_t percent) {
    if (samples.empty()) return nanoseconds{0};
    const auto at =
        samples.begin() + static_cast<std::ptrdiff_t>((samples.size() - 1) * percent / 100);
    std::nth_element(samples.begin(), at, samples.end());
    return *at;
}

Record record_of(const char* what, Samples samples) {
    nanoseconds sum{0};
    for (const nanoseconds each : samples) sum += each;
    const auto us = [](nanoseconds time) {
        return static_cast<std::uint64_t>(
            std::chrono::round<std::chrono::microseconds>(time).count());
    };
    const auto count = static_cast<std::uint64_t>(samples.size());
    const auto whole = static_cast<std::uint64_t>(std::max<nanoseconds::rep>(sum.count(), 1));
    return {{"what", what},
            {"count", count},
            {"per_second", count * 1'000'000'000 / whole},
            {"median_us", us(quantile(samples, 50))},
            {"p99_us", us(quantile(samples, 99))},
            {"max_us", us(quantile(samples, 100))}};
}

}  // namespace

int bench(Store& store, const Options& options) {
    const std::string key = own_key();
    std::vector<Record> records;
    records.push_back(record_of(
        "round trip", measure(options.bench_time, [&] { (void)store.locks.inspect(key); })));
    records.push_back(record_of("cycle", measure(options.bench_time, [&] {
                                    (void)acquired(store.locks, key, cycle_options).release();
                                })));
    records.push_back(record_of("hand-off", HandOffs{options, key}.run()));
    print_all(choose_format(options.json), records);
    return exit_code::done;
}

}  // namespace leaselock::cli

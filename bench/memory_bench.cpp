// A keyed lock in memory, against what one would write by hand.
//   memory/uncontended  each thread has keys of its own, both sides the same ones. The baseline is
//   a
//                       sharded unordered_map under mutexes, with one clock read for the expiry;
//   memory/contended    all threads want one key. The baseline is a fair mutex: each waiter stands
//                       in a queue with a futex of its own, and a release hands over to the first.
#include <array>
#include <atomic>
#include <benchmark/benchmark.h>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <time.h>
#include <unordered_map>
#include <vector>

#include <leaselock/lock_manager.hpp>

namespace {

class ByHand {
  public:
    bool acquire(const std::string& key, std::uint64_t owner, std::int64_t ttl_ns) {
        timespec ts{};
        ::clock_gettime(CLOCK_BOOTTIME, &ts);
        const std::int64_t now = ts.tv_sec * 1'000'000'000 + ts.tv_nsec;
        Shard& shard = shard_of(key);
        const std::lock_guard lock{shard.mutex};
        const auto [where, fresh] = shard.held.try_emplace(key, Held{owner, now + ttl_ns});
        if (fresh) return true;
        if (where->second.expires > now) return false;
        where->second = {owner, now + ttl_ns};
        return true;
    }
    bool release(const std::string& key, std::uint64_t owner) {
        Shard& shard = shard_of(key);
        const std::lock_guard lock{shard.mutex};
        const auto where = shard.held.find(key);
        if (where == shard.held.end() || where->second.owner != owner) return false;
        shard.held.erase(where);
        return true;
    }

  private:
    struct Held {
        std::uint64_t owner;
        std::int64_t expires;
    };
    struct alignas(128) Shard {
        std::mutex mutex;
        std::unordered_map<std::string, Held> held;
    };
    Shard& shard_of(const std::string& key) {
        return shards_[(std::hash<std::string>{}(key) >> 48U) % shards_.size()];
    }
    std::array<Shard, 64> shards_;
};

// With the prefix, so that both sides hash the same bytes.
constexpr const char* prefix = "hazel:lock:";

std::vector<std::string> keys_of(int thread) {
    std::vector<std::string> keys;
    for (int i = 0; i < 256; ++i) {
        keys.push_back("stock-update-" + std::to_string(thread) + "-" + std::to_string(i));
    }
    return keys;
}

void by_hand(benchmark::State& state) {
    static ByHand locks;
    auto keys = keys_of(state.thread_index());
    for (auto& key : keys) key.insert(0, prefix);
    std::uint64_t owner = static_cast<std::uint64_t>(state.thread_index()) << 32U;
    std::size_t i = 0;
    for (auto _ : state) {
        const std::string& key = keys[i++ % keys.size()];
        benchmark::DoNotOptimize(locks.acquire(key, ++owner, 30'000'000'000));
        benchmark::DoNotOptimize(locks.release(key, owner));
    }
}

void leaselock_memory(benchmark::State& state) {
    static leaselock::LockManager locks{{.prefix = prefix}};
    const auto keys = keys_of(state.thread_index());
    std::size_t i = 0;
    for (auto _ : state) {
        auto lock = locks.acquire(keys[i++ % keys.size()]);
        benchmark::DoNotOptimize(lock->release());
    }
}

class FairMutex {
  public:
    void lock() {
        std::atomic<bool> turn{false};
        {
            const std::lock_guard lock{mutex_};
            if (!held_) {
                held_ = true;
                return;
            }
            line_.push_back(&turn);
        }
        turn.wait(false);
    }
    void unlock() {
        const std::lock_guard lock{mutex_};
        held_ = !line_.empty();
        if (!held_) return;
        line_.front()->store(true);
        line_.front()->notify_one();
        line_.pop_front();
    }

  private:
    std::mutex mutex_;
    std::deque<std::atomic<bool>*> line_;
    bool held_ = false;
};

void fair_mutex(benchmark::State& state) {
    static FairMutex mutex;
    for (auto _ : state) {
        mutex.lock();
        mutex.unlock();
    }
}

void contended(benchmark::State& state) {
    static leaselock::LockManager locks;
    for (auto _ : state) {
        const leaselock::ScopedDistributedLock lock{
            locks, "hot", {.wait_timeout = leaselock::forever}};
    }
}

BENCHMARK(fair_mutex)->Name("memory/contended-2-threads/baseline")->Threads(2)->UseRealTime();
BENCHMARK(contended)->Name("memory/contended-2-threads/leaselock")->Threads(2)->UseRealTime();
BENCHMARK(by_hand)->Name("memory/uncontended-1-thread/baseline")->UseRealTime();
BENCHMARK(leaselock_memory)->Name("memory/uncontended-1-thread/leaselock")->UseRealTime();
BENCHMARK(by_hand)->Name("memory/uncontended-2-threads/baseline")->Threads(2)->UseRealTime();
BENCHMARK(leaselock_memory)
    ->Name("memory/uncontended-2-threads/leaselock")
    ->Threads(2)
    ->UseRealTime();

}  // namespace

BENCHMARK_MAIN();

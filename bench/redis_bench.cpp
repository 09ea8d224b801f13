// Uncontended, awaited acquire and release of a lock in Redis, on 1, 16 and 64 threads, against raw
// hiredis loops with a connection per thread:
//   baseline  the minimal fenced pair: a script of SET NX PX + INCR, and a compare-and-delete;
//   unfenced  SET NX PX, and a compare-and-delete. For information.
// Both sides use the same keys. The server's URL comes in LEASELOCK_BENCH_REDIS.
#include <array>
#include <benchmark/benchmark.h>
#include <cstdlib>
#include <hiredis/hiredis.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <leaselock/redis.hpp>

namespace {

constexpr const char* prefix = "hazel:lock:";
constexpr const char* token = "vm:12345/0123456789abcdef0123456789abcdef";

const std::string& url() {
    static const std::string text = [] {
        const char* const value = std::getenv("LEASELOCK_BENCH_REDIS");
        return std::string{value == nullptr ? "" : value};
    }();
    return text;
}

std::vector<std::string> keys_of(int thread) {
    std::vector<std::string> keys;
    for (int i = 0; i < 64; ++i) {
        keys.push_back("stock-update-" + std::to_string(thread) + "-" + std::to_string(i));
    }
    return keys;
}

using Answer = std::unique_ptr<redisReply, decltype([](redisReply* r) { freeReplyObject(r); })>;

class Raw {
  public:
    Raw()
        : context_{
              redisConnect("127.0.0.1", std::atoi(url().substr(url().rfind(':') + 1).c_str()))} {
        if (context_ == nullptr || context_->err != 0) throw std::runtime_error("no server");
        fenced_ = load(
            "if redis.call('SET',KEYS[1],ARGV[1],'NX','PX',ARGV[2]) then "
            "return redis.call('INCR',KEYS[2]) end return 0");
        compare_and_delete_ = load(
            "if redis.call('GET',KEYS[1])==ARGV[1] then return redis.call('DEL',KEYS[1]) end "
            "return 0");
    }
    void fenced(const std::string& key, const std::string& fence) {
        expect(command({"EVALSHA", fenced_, "2", key, fence, token, "30000"})->integer > 0);
    }
    void plain(const std::string& key) {
        expect(command({"SET", key, token, "NX", "PX", "30000"})->type == REDIS_REPLY_STATUS);
    }
    void release(const std::string& key) {
        expect(command({"EVALSHA", compare_and_delete_, "1", key, token})->integer == 1);
    }

  private:
    static void expect(bool ok) {
        if (!ok) throw std::runtime_error("unexpected answer");
    }
    Answer command(const std::vector<std::string>& words) {
        std::array<const char*, 8> texts{};
        std::array<std::size_t, 8> lengths{};
        for (std::size_t i = 0; i < words.size(); ++i) {
            texts[i] = words[i].data();
            lengths[i] = words[i].size();
        }
        auto* const reply = static_cast<redisReply*>(redisCommandArgv(
            context_.get(), static_cast<int>(words.size()), texts.data(), lengths.data()));
        expect(reply != nullptr);
        return Answer{reply};
    }
    std::string load(const char* script) { return command({"SCRIPT", "LOAD", script})->str; }

    std::unique_ptr<redisContext, decltype([](redisContext* c) { redisFree(c); })> context_;
    std::string fenced_;
    std::string compare_and_delete_;
};

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

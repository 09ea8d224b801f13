// What a lock costs the Redis server: the time that its scripts take there, as INFO commandstats
// tells it: the median of 50 rounds, so what else the machine is at counts little. 64 commands
// leave in one write.
//   script/cycle        acquire and release, nobody waits; the baseline is the minimal fenced pair;
//   script/hand-over    a release that hands over to the one who waits, who is notified;
//   script/queue-entry  an acquire that finds the lock held and takes a queue entry; the baseline
//                       of both is a minimal fair queue: a list of tokens, and a message.
//   script/residue      counted: `bytes` that a million keys leave, each locked once, as 100 000
//                       keys make the server grow that has had 100 000 others before.
// The server's URL comes in LEASELOCK_BENCH_REDIS.
#include <algorithm>
#include <benchmark/benchmark.h>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include <leaselock/backend.hpp>

#include "raw_redis.hpp"
#include "redis/codec.hpp"

namespace {

using namespace std::chrono_literals;
using leaselock::Request;
using leaselock::Verb;

constexpr int keys = 64;
constexpr int rounds = 50;
constexpr const char* channel = "leaselock:0123456789abcdef0123456789abcdef";
const std::string first = "vm:12345/0123456789abcdef0123456789abcdef";
const std::string second = "vm:12346/fedcba9876543210fedcba9876543210";

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): never deleted as a Listener
class Nobody final : public leaselock::Listener {
  public:
    Nobody() : Listener({}, {}) {}
    leaselock::WakeUp handed_over(const leaselock::HandOff&) noexcept override { return {}; }
    leaselock::WakeUp poll() noexcept override { return {}; }
};
Nobody nobody;

std::string key_of(int number) { return bench::prefix + ("stock-" + std::to_string(number)); }

class Server : public bench::Pipeline {
  public:
    Server() {
        subscriber_.append({"SUBSCRIBE", channel});
        subscriber_.next();
        for (const Verb verb : {Verb::acquire, Verb::release}) ours(verb, first, false, true);
        ours(Verb::acquire, first, false, true);
        release_of_a_first_try(true);
        run();
        fair_lock_ = load(
            "if redis.call('SET',KEYS[1],ARGV[1],'NX','PX',ARGV[2]) then "
            "return redis.call('INCR',KEYS[3]) end redis.call('RPUSH',KEYS[2],ARGV[1]) return 0");
        fair_unlock_ = load(
            "if redis.call('GET',KEYS[1])~=ARGV[1] then return 0 end while true do "
            "local next=redis.call('LPOP',KEYS[2]) "
            "if not next then redis.call('DEL',KEYS[1]) return 1 end "
            "local fence=redis.call('INCR',KEYS[3]) "
            "if redis.call('PUBLISH',ARGV[3],next..' '..fence)>0 then "
            "redis.call('SET',KEYS[1],next,'PX',ARGV[2]) return 1 end end");
        fenced_ = load(bench::fenced_script);
        compare_and_delete_ = load(bench::compare_and_delete_script);
    }

    // For each key, as the library sends it.
    void ours(Verb verb, const std::string& token, bool waits = false, bool with_text = false) {
        for (int i = 0; i < keys; ++i) one_of_ours(key_of(i), verb, token, waits, with_text);
    }
    void one_of_ours(const std::string& key, Verb verb, const std::string& token, bool waits,
                     bool with_text = false, bool unqueued = false) {
        const Request request{.verb = verb,
                              .key = key,
                              .prefix = std::strlen(bench::prefix),
                              .token = token,
                              .ttl = 30s,
                              .unqueued = unqueued,
                              .listener = waits ? &nobody : nullptr,
                              .entry_life = 3s};
        std::string bytes;
        leaselock::redis::append_request(bytes, request, with_text, leaselock::redis::no_limit,
                                         waits ? channel : "");
        append_written(bytes);
        ++pending_;
    }
    // As of a lock for which nobody has waited.
    void release_of_a_first_try(bool with_text = false) {
        for (int i = 0; i < keys; ++i) {
            one_of_ours(key_of(i), Verb::release, first, false, with_text, true);
        }
    }
    void fair_lock(const std::string& token) {
        for (int i = 0; i < keys; ++i) {
            const std::string key = key_of(i);
            add({"EVALSHA", fair_lock_, "3", key, "{" + key + "}:ll:q", "{" + key + "}:ll:f", token,
                 "30000"});
        }
    }
    void fair_unlock(const std::string& token) {
        for (int i = 0; i < keys; ++i) {
            const std::string key = key_of(i);
            add({"EVALSHA", fair_unlock_, "3", key, "{" + key + "}:ll:q", "{" + key + "}:ll:f",
                 token, "30000", channel});
        }
    }
    void fenced_lock() {
        for (int i = 0; i < keys; ++i) {
            const std::string key = key_of(i);
            add({"EVALSHA", fenced_, "2", key, "{" + key + "}:ll:f", first, "30000"});
        }
    }
    void fenced_unlock() {
        for (int i = 0; i < keys; ++i) add({"EVALSHA", compare_and_delete_, "1", key_of(i), first});
    }
    // Reads the answers.
    void run() {
        for (; pending_ > 0; --pending_) {
            if (next()->type == REDIS_REPLY_ERROR) throw std::runtime_error("refused");
        }
    }
    // The seconds that a script took at the server, of those that `write` writes.
    template <class Write>
    double timed(const Write& write) {
        ask({"CONFIG", "RESETSTAT"});
        write();
        run();
        const bench::Answer stats = ask({"INFO", "commandstats"});
        const std::string text{stats->str, stats->len};
        const std::size_t at = text.find("cmdstat_evalsha:");
        return bench::number_behind(text.substr(at), "usec=") * 1e-6 / keys;
    }
    void hear_messages(int count) {
        for (int i = 0; i < count; ++i) subscriber_.next();
    }
    void flush() { ask({"FLUSHALL"}); }
    double used_memory() {
        const bench::Answer answer = ask({"INFO", "memory"});
        return bench::number_behind({answer->str, answer->len}, "used_memory:");
    }

  private:
    bench::Answer ask(const std::vector<std::string>& words) {
        append(words);
        return next();
    }
    void add(const std::vector<std::string>& words) {
        append(words);
        ++pending_;
    }
    std::string load(const char* script) { return ask({"SCRIPT", "LOAD", script})->str; }

    bench::Pipeline subscriber_;
    int pending_ = 0;
    std::string fair_lock_;
    std::string fair_unlock_;
    std::string fenced_;
    std::string compare_and_delete_;
};

// The seconds of one round; the first one, in which the server meets the keys, is thrown away.
using Round = double (*)(Server&);

void measure(benchmark::State& state, Round round) {
    Server server;
    server.flush();
    state.counters["bytes"] = 0;  // each run has to have each counter
    (void)round(server);
    for (auto _ : state) {
        std::vector<double> seconds;
        for (int i = 0; i < rounds; ++i) seconds.push_back(round(server));
        std::nth_element(seconds.begin(), seconds.begin() + rounds / 2, seconds.end());
        state.SetIterationTime(seconds[rounds / 2]);
    }
}

double our_cycle(Server& server) {
    return server.timed([&] { server.ours(Verb::acquire, first); }) +
           server.timed([&] { server.release_of_a_first_try(); });
}
double fenced_cycle(Server& server) {
    return server.timed([&] { server.fenced_lock(); }) +
           server.timed([&] { server.fenced_unlock(); });
}

// What leads to a hand-over, which is as long as the next lock is held.
template <bool HandsOver>
double our_queue(Server& server) {
    server.ours(Verb::acquire, first, true);
    server.run();
    const double entry = server.timed([&] { server.ours(Verb::acquire, second, true); });
    const double over = server.timed([&] { server.ours(Verb::release, first); });
    server.hear_messages(keys);
    server.ours(Verb::release, second);
    server.run();
    return HandsOver ? over : entry;
}
template <bool HandsOver>
double fair_queue(Server& server) {
    server.fair_lock(first);
    server.run();
    const double entry = server.timed([&] { server.fair_lock(second); });
    const double over = server.timed([&] { server.fair_unlock(first); });
    server.hear_messages(keys);
    server.fair_unlock(second);
    server.run();
    return HandsOver ? over : entry;
}

void lock_others(Server& server, int begin, int end) {
    for (int i = begin; i < end;) {
        for (int k = 0; k < 1000; ++k, ++i) {
            const std::string key = bench::prefix + ("payment-" + std::to_string(i));
            server.one_of_ours(key, Verb::acquire, first, false);
            server.one_of_ours(key, Verb::release, first, false, false, true);
        }
        server.run();
    }
}

void residue(benchmark::State& state) {
    constexpr int half = 100'000;
    Server server;
    for (auto _ : state) {
        server.flush();
        lock_others(server, 0, half);
        const double before = server.used_memory();
        lock_others(server, half, 2 * half);
        state.counters["bytes"] =
            (server.used_memory() - before) * (1e6 / static_cast<double>(half));
    }
}

void add(const char* name, Round round) {
    benchmark::RegisterBenchmark(name, measure, round)->Iterations(1)->UseManualTime();
}

const bool registered = [] {
    add("script/cycle/leaselock", our_cycle);
    add("script/cycle/baseline", fenced_cycle);
    add("script/hand-over/leaselock", our_queue<true>);
    add("script/hand-over/baseline", fair_queue<true>);
    add("script/queue-entry/leaselock", our_queue<false>);
    add("script/queue-entry/baseline", fair_queue<false>);
    benchmark::RegisterBenchmark("script/residue/leaselock", residue)->Iterations(1);
    return true;
}();

}  // namespace

BENCHMARK_MAIN();

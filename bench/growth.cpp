// What a lock costs as more of them are held, and as more wait for it. Prints lines for plot.py:
//   held,<locks>,<server us>,<client us>,<server bytes>,<client bytes>
//     a manager holds so many locks; processor time of a further acquire and release, which waits
//     for nobody, and memory for each lock that is held (0: too few to tell);
//   line,<waiters>,...   so many coroutines of one manager want one lock, one after the other:
//     they stand in a line of the process, and the first alone has a queue entry at the server;
//   queue,<waiters>,...  they want the one permit that there is, so each has an entry, as waiters
//     of other processes have: processor time of a turn, memory for each that waits;
//   renewal,<locks>,...  so many locks are held and renewed: processor time of a renewal.
// Nothing else is renewed while the others are measured. Needs a server of its own, which it
// flushes: its URL comes in LEASELOCK_BENCH_REDIS. A number as argument is the most that are held.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <malloc.h>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/async.hpp>
#include <leaselock/distributed_semaphore.hpp>
#include <leaselock/redis.hpp>

#include "raw_redis.hpp"
#include "support/coroutines.hpp"

namespace {

using namespace std::chrono_literals;
using leaselock::LockManager;
using leaselock::ScopedDistributedLock;
using leaselock::support::Detached;

constexpr std::size_t at_once = 256;
constexpr int cycles = 20'000;
constexpr const char* wanted = "wanted";
const leaselock::LockOptions patient{.ttl = 24h, .wait_timeout = leaselock::forever};

double processor_us() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) * 1e-3;
}

class Server : public bench::Raw {
  public:
    double bytes() { return bench::number_behind(info("memory"), "used_memory:"); }
    void flush() { (void)command({"FLUSHALL"}); }
    // Until so many have an entry.
    void await_waiters(int count) {
        std::string queue{"{"};
        queue.append(bench::prefix).append(wanted).append("}:ll:2q");
        while (command({"LLEN", queue})->integer < count) std::this_thread::sleep_for(1ms);
    }
};

// Processor time from then on.
struct Meter {
    explicit Meter(Server& what) : server{what} {}

    Server& server;
    double server_before = server.server_seconds();
    double client_before = processor_us();

    void print(const char* what, std::size_t count, double times, double server_bytes,
               double client_bytes) {
        const double client = (processor_us() - client_before) / times;
        const double servers = (server.server_seconds() - server_before) * 1e6 / times;
        std::printf("%s,%zu,%.2f,%.2f,%.0f,%.0f\n", what, count, servers, client, server_bytes,
                    client_bytes);
        std::fflush(stdout);
    }
};

double client_bytes() {
    const struct mallinfo2 info = ::mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd);
}

void wait_for(std::atomic<int>& left) {
    for (int seen = left; seen != 0; seen = left) left.wait(seen);
}
void leave(std::atomic<int>& left) {
    if (--left == 0) left.notify_one();
}

// --- many that are held

Detached take(LockManager& locks, std::size_t from, std::size_t to,
              std::vector<ScopedDistributedLock>& held, std::atomic<int>& left,
              const leaselock::LockOptions& options = patient) {
    for (std::size_t i = from; i < to; ++i) {
        auto lock = co_await locks.async_acquire("held-" + std::to_string(i), options);
        if (!lock) std::terminate();
        held.push_back(std::move(*lock));  // all on the one thread that resumes them
    }
    leave(left);
}

Detached cycle(LockManager& locks, std::size_t owner, std::atomic<int>& left) {
    const std::string key = "further-" + std::to_string(owner);
    for (std::size_t i = 0; i < cycles / at_once; ++i) {
        auto lock = co_await locks.async_acquire(key);
        if (!lock || co_await lock->async_release() != leaselock::ReleaseResult::released) {
            std::terminate();
        }
    }
    leave(left);
}

void measure_held(Server& server, std::size_t most) {
    server.flush();
    LockManager locks = leaselock::connect(bench::url());
    std::vector<ScopedDistributedLock> held;
    held.reserve(most);
    const auto cycle_all = [&] {
        std::atomic<int> left{at_once};
        for (std::size_t i = 0; i < at_once; ++i) cycle(locks, i, left);
        wait_for(left);
    };
    cycle_all();
    const double server_before = server.bytes();
    const double client_before = client_bytes();
    for (std::size_t count = 1; count <= most; count *= 10) {
        std::atomic<int> left{at_once};
        const std::size_t have = held.size();
        for (std::size_t i = 0; i < at_once; ++i) {
            take(locks, have + (count - have) * i / at_once,
                 have + (count - have) * (i + 1) / at_once, held, left);
        }
        wait_for(left);
        const double share = count < 1000 ? 0 : 1 / static_cast<double>(count);
        const double servers = (server.bytes() - server_before) * share;
        const double clients = (client_bytes() - client_before) * share;
        Meter meter{server};
        cycle_all();
        meter.print("held", count, cycles, servers, clients);
    }
    std::_Exit(0);  // the last that is measured: nobody has to release a million locks
}

// --- many that are renewed

void measure_renewals(Server& server) {
    constexpr std::size_t count = 20'000;
    server.flush();
    LockManager locks = leaselock::connect(bench::url());
    std::vector<ScopedDistributedLock> held;
    held.reserve(count);
    std::atomic<int> left{1};
    take(locks, 0, count, held, left, {.ttl = 3s, .wait_timeout = leaselock::forever});
    wait_for(left);
    const long long before = server.scripts_run();
    Meter meter{server};
    std::this_thread::sleep_for(5s);
    meter.print("renewal", count, static_cast<double>(server.scripts_run() - before), 0, 0);
}

// --- many that wait

struct Turns {
    std::atomic<int> left;  // waiters that are not done
    std::atomic<int> taken{0};
    int enough;
};

Detached wait_in_line(LockManager& locks, Turns& turns) {
    while (turns.taken < turns.enough) {
        auto lock = co_await locks.async_acquire(wanted, patient);
        if (!lock || co_await lock->async_release() != leaselock::ReleaseResult::released) {
            std::terminate();
        }
        ++turns.taken;
    }
    leave(turns.left);
}
Detached wait_in_queue(leaselock::DistributedSemaphore& permits, Turns& turns) {
    while (turns.taken < turns.enough) {
        auto lock = co_await permits.async_acquire();
        if (!lock || co_await lock->async_release() != leaselock::ReleaseResult::released) {
            std::terminate();
        }
        ++turns.taken;
    }
    leave(turns.left);
}

// What a manager needs once, however many wait.
void open_connections(LockManager& locks) {
    std::atomic<int> left{1};
    const auto wait = [&]() -> Detached {
        (void)co_await locks.async_acquire("first", {.wait_timeout = 10ms});
        leave(left);
    };
    const auto held = locks.acquire("first");
    wait();
    wait_for(left);
}

void measure_waiters(Server& server, int count, bool in_queue) {
    server.flush();
    LockManager locks = leaselock::connect(bench::url());
    leaselock::DistributedSemaphore permits{locks, wanted, 1, patient};
    open_connections(locks);
    Turns turns{count, 0, std::max(2'000, 4 * count)};
    const double server_before = server.bytes();
    const double client_before = client_bytes();
    double servers = 0;
    double clients = 0;
    std::optional<Meter> meter;
    {
        auto holder = in_queue ? permits.acquire() : locks.acquire(wanted, patient);
        for (int i = 0; i < count; ++i) {
            in_queue ? wait_in_queue(permits, turns) : wait_in_line(locks, turns);
        }
        server.await_waiters(in_queue ? count : 1);
        const double share = count < 100 ? 0 : 1 / static_cast<double>(count);
        servers = (server.bytes() - server_before) * share;
        clients = (client_bytes() - client_before) * share;
        meter.emplace(server);
    }
    wait_for(turns.left);
    meter->print(in_queue ? "queue" : "line", static_cast<std::size_t>(count), turns.taken, servers,
                 clients);
}

}  // namespace

int main(int argc, char** argv) try {
    const auto most = static_cast<std::size_t>(argc > 1 ? std::atoll(argv[1]) : 1'000'000);
    Server server;
    std::printf("what,count,server_us,client_us,server_bytes,client_bytes\n");
    for (const bool in_queue : {false, true}) {
        for (int count = 1; count <= 1'000; count *= 10) measure_waiters(server, count, in_queue);
    }
    measure_renewals(server);
    measure_held(server, most);
} catch (const std::exception& error) {
    std::fprintf(stderr, "growth: %s\n", error.what());
    return 1;
}

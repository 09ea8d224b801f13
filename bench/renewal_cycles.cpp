// renewal_cycles <leases> <times>: so many locks in Redis are held, and each is renewed so many
// times, all of them together, for tools that count what a process does: valgrind, perf. The work
// of a renewal is the difference of two runs over that of their renewals; see bench/README.md. The
// server's URL comes in LEASELOCK_BENCH_REDIS.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/redis.hpp>

#include "leap_clock.hpp"

int main(int argc, char** argv) {
    using std::chrono::milliseconds;
    const char* const url = std::getenv("LEASELOCK_BENCH_REDIS");
    const std::size_t count = argc == 3 ? std::strtoul(argv[1], nullptr, 10) : 0;
    const std::size_t times = argc == 3 ? std::strtoul(argv[2], nullptr, 10) : 0;
    if (url == nullptr || count == 0) {
        std::fputs("usage: LEASELOCK_BENCH_REDIS=<url> renewal_cycles <leases> <times>\n", stderr);
        return 2;
    }
    constexpr milliseconds ttl = std::chrono::hours{1};  // so that none is due by itself
    const auto clock = std::make_shared<bench::LeapClock>();
    leaselock::LockManager locks{{.clock = clock, .shutdown_timeout = std::chrono::seconds{60}}};
    leaselock::RedisOptions options;
    options.url = url;
    options.clock = clock;
    locks.register_backend("redis", leaselock::make_redis_backend(options));
    locks.set_default_backend("redis");
    std::vector<leaselock::ScopedDistributedLock> held;
    held.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        held.push_back(locks.acquire("stock-update-" + std::to_string(i), {.ttl = ttl}).value());
    }
    const std::uint64_t before = locks.stats().renewed;
    for (std::size_t i = 1; i <= times; ++i) {
        clock->leap(ttl / 3);
        while (locks.stats().renewed - before < i * count) {
            if (locks.stats().lost != 0) {
                std::fputs("renewal_cycles: lost\n", stderr);
                return 1;
            }
            std::this_thread::sleep_for(milliseconds{10});
        }
    }
}

// redis_cycles <count>: so many locks in Redis by one thread, acquired and released with the answer
// awaited, for tools that count what a process does: valgrind, strace, perf. The work of a cycle is
// the difference of two runs over that of their counts; see bench/README.md. The server's URL comes
// in LEASELOCK_BENCH_REDIS.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <leaselock/redis.hpp>

int main(int argc, char** argv) {
    const char* const url = std::getenv("LEASELOCK_BENCH_REDIS");
    const std::size_t count = argc == 2 ? std::strtoul(argv[1], nullptr, 10) : 0;
    if (url == nullptr || count == 0) {
        std::fputs("usage: LEASELOCK_BENCH_REDIS=<url> redis_cycles <count>\n", stderr);
        return 2;
    }
    std::vector<std::string> keys;
    for (int i = 0; i < 64; ++i) keys.push_back("stock-update-" + std::to_string(i));
    leaselock::LockManager locks = leaselock::connect(url);
    for (std::size_t i = 0; i < count; ++i) {
        auto lock = locks.acquire(keys[i % keys.size()]);
        if (!lock || lock->release() != leaselock::ReleaseResult::released) {
            std::fputs("redis_cycles: not acquired and released\n", stderr);
            return 1;
        }
    }
}

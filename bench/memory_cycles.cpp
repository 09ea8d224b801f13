// memory_cycles <count>: so many locks in memory by one thread, acquired and released, for tools
// that count what a process does: valgrind, perf. The work of a cycle is the difference of two runs
// over that of their counts; see bench/README.md.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <leaselock/lock_manager.hpp>

int main(int argc, char** argv) {
    const std::size_t count = argc == 2 ? std::strtoul(argv[1], nullptr, 10) : 0;
    if (count == 0) {
        std::fputs("usage: memory_cycles <count>\n", stderr);
        return 2;
    }
    std::vector<std::string> keys;
    for (int i = 0; i < 256; ++i) keys.push_back("stock-update-0-" + std::to_string(i));
    leaselock::LockManager locks{{.prefix = "hazel:lock:"}};
    for (std::size_t i = 0; i < count; ++i) {
        auto lock = locks.acquire(keys[i % keys.size()]);
        if (!lock || lock->release() != leaselock::ReleaseResult::released) {
            std::fputs("memory_cycles: not acquired and released\n", stderr);
            return 1;
        }
    }
}

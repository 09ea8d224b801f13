// A latch: the report is made when all parts of the import have come, whoever loads them.
#include <atomic>
#include <fmt/format.h>
#include <thread>
#include <vector>

#include <leaselock/leaselock.hpp>

using namespace std::chrono_literals;

int main() {
    constexpr int parts = 3;
    leaselock::LockManager locks;
    leaselock::CountDownLatch loaded{locks, "import:2026-11-26", parts};
    std::atomic<int> rows{0};
    std::vector<std::jthread> loaders;
    for (int part = 0; part < parts; ++part) {
        loaders.emplace_back([&] {
            rows += 100;
            loaded.count_down();
        });
    }
    if (!loaded.wait_for(10s)) return 1;
    fmt::print("{} rows, {} parts are missing\n", rows.load(), loaded.count());
    return rows == 300 && loaded.count() == 0 ? 0 : 1;
}

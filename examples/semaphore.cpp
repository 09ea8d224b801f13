// A semaphore: eight workers, in whatever processes, and never more than three at the download.
#include <algorithm>
#include <atomic>
#include <fmt/format.h>
#include <thread>
#include <vector>

#include <leaselock/leaselock.hpp>

int main() {
    leaselock::LockManager locks;
    leaselock::DistributedSemaphore downloads{locks, "downloads", 3};
    std::atomic<int> running{0};
    std::atomic<int> most{0};
    {
        std::vector<std::jthread> workers;
        for (int i = 0; i < 8; ++i) {
            workers.emplace_back([&] {
                const auto permit = downloads.acquire();  // waits for its turn
                const int now = ++running;
                int seen = most;
                while (seen < now && !most.compare_exchange_weak(seen, now)) {
                }
                --running;
            });
        }
    }
    const auto two = downloads.try_acquire(2);
    fmt::print("at most {} at once; {} permits are free\n", most.load(), downloads.available());
    return most <= 3 && two && downloads.available() == 1 ? 0 : 1;
}

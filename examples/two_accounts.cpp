// The mutex: a named lock as a standard TimedLockable, so that std::scoped_lock takes two of them
// without a deadlock, whichever way round.
#include <fmt/format.h>
#include <mutex>
#include <thread>

#include <leaselock/leaselock.hpp>

using namespace std::chrono_literals;

int main() {
    leaselock::LockManager locks;
    const leaselock::LockOptions options{.ttl = 10s, .retry_delay = 1ms};
    leaselock::DistributedMutex first{locks, "account:1", options};
    leaselock::DistributedMutex second{locks, "account:2", options};
    int balance[] = {1000, 1000};

    const auto move = [&](int amount, auto& from_lock, auto& to_lock) {
        for (int i = 0; i < 50; ++i) {
            const std::scoped_lock both{from_lock, to_lock};
            balance[0] -= amount;
            balance[1] += amount;
        }
    };
    {
        const std::jthread there{[&] { move(3, first, second); }};
        const std::jthread back{[&] { move(-1, second, first); }};
    }
    fmt::print("{} and {}\n", balance[0], balance[1]);

    std::unique_lock held{first};
    bool second_thread_got_it = true;
    std::jthread{[&] {
        const std::unique_lock try_it{first, 10ms};
        second_thread_got_it = try_it.owns_lock();
    }}.join();
    first.ensure();  // as a guard's: throws LockLost if the lease has ended
    return balance[0] == 900 && balance[1] == 1100 && !second_thread_got_it ? 0 : 1;
}

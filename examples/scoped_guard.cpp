// The scoped way in: a guard that holds the lock for a block, and throws if it cannot have it.
#include <fmt/format.h>

#include <leaselock/leaselock.hpp>

using namespace std::chrono_literals;

int main() {
    leaselock::LockManager locks{{.prefix = "billing:", .owner = "invoices-1"}};
    {
        const leaselock::ScopedDistributedLock guard{locks, "invoice:7", {.wait = true}};
        fmt::print("holding {}\n", guard.key());
        try {
            const leaselock::ScopedDistributedLock second{locks, "invoice:7"};
            return 1;
        } catch (const leaselock::LockNotAcquired& error) {
            fmt::print("{} holds {} for {} ms more\n", leaselock::printable(error.owner()),
                       error.key(), error.remaining().count());
        }
    }
    // A scheduled job that must not run twice in ten minutes: the release keeps the lock so long.
    {
        const leaselock::ScopedDistributedLock nightly{
            locks, "nightly-report", {.min_hold = 10min}};
    }
    const leaselock::LockInfo info = locks.inspect("nightly-report");
    fmt::print("nightly-report is {}\n", info.kept ? "done, and kept" : "free");
    return info.kept && !locks.inspect("invoice:7").held ? 0 : 1;
}

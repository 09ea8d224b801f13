// Locks in the CP subsystem of a Hazelcast cluster, as its page on distributed locks has them:
// example_hazelcast hazelcast://127.0.0.1:5701/dev
#include <exception>
#include <fmt/format.h>

#include <leaselock/hazelcast.hpp>
#include <leaselock/leaselock.hpp>

using namespace std::chrono_literals;

int run(const char* url) {
    // Connect to the cluster. Nothing is sent before the first lock.
    leaselock::LockManager locks = leaselock::connect(url, {.owner = "first"});

    // Fetch a lock by its name, and lock it. The end of the block unlocks, whatever happens in it:
    // that is the `finally` of other languages.
    std::uint64_t fence = 0;
    {
        const leaselock::ScopedDistributedLock lock{locks, "my-distributed-lock"};
        fence = lock.fencing_token();
        fmt::print("held, with fencing token {}\n", fence);

        // Try, with a time-out. A second manager stands for another process.
        leaselock::LockManager others = leaselock::connect(url, {.owner = "second"});
        const auto second = others.acquire("my-distributed-lock", {.wait_timeout = 200ms});
        if (second) return 1;
        fmt::print("somebody else got nothing within 200 ms\n");
    }

    // The next holder has a higher fencing token.
    const auto next = locks.acquire("my-distributed-lock", {.wait_timeout = 5s});
    if (!next || next->fencing_token() <= fence) return 1;
    fmt::print("held again, with fencing token {}\n", next->fencing_token());
    return 0;
}

int main(int argc, char** argv) {
    try {
        return run(argc > 1 ? argv[1] : "hazelcast://127.0.0.1:5701/dev");
    } catch (const leaselock::LockError& error) {
        // Refused (fix the request), unavailable (nothing happened) or unknown (it may have).
        fmt::print(stderr, "{}: {}\n", error.code().category().name(), error.what());
        return 2;
    }
}

// Locks on a Redis server, for processes anywhere: example_redis redis://127.0.0.1:6379/0
#include <exception>
#include <fmt/format.h>

#include <leaselock/leaselock.hpp>
#include <leaselock/redis.hpp>

using namespace std::chrono_literals;

// One URL is enough. Two managers stand for two processes here.
int run(const char* url) {
    leaselock::LockManager mine = leaselock::connect(url, {.owner = "first"});
    leaselock::LockManager theirs = leaselock::connect(url, {.owner = "second"});

    auto lock = mine.acquire("task:42", {.ttl = 5s, .wait_timeout = 2s});
    if (!lock) return 1;
    const leaselock::LockInfo info = theirs.inspect("task:42");
    fmt::print("{} holds task:42 for {} ms, fencing token {}\n", leaselock::printable(info.owner),
               info.remaining.count(), info.fencing_token);
    auto other = theirs.try_acquire("task:42");
    if (other || info.owner != "first") return 1;

    lock->release();
    other = theirs.try_acquire("task:42");
    return other ? 0 : 1;
}

int main(int argc, char** argv) {
    try {
        return run(argc > 1 ? argv[1] : "redis://127.0.0.1:6379/0");
    } catch (const leaselock::LockError& error) {
        // Refused (fix the request), unavailable (nothing happened) or unknown (it may have).
        fmt::print(stderr, "{}: {}\n", error.code().category().name(), error.what());
        return 2;
    }
}

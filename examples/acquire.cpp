// The programmatic way in: an acquired lock, or nothing if somebody else has it.
#include <fmt/format.h>

#include <leaselock/leaselock.hpp>

using namespace std::chrono_literals;

int main() {
    leaselock::LockManager locks;

    auto lock = locks.acquire("task:42", {.ttl = 5s});
    if (!lock) return 1;
    fmt::print("acquired {}, fencing token {}, believed for {} ms\n", lock->key(),
               lock->fencing_token(), lock->remaining().count());

    // A second one is no error: the optional is empty, here after waiting for 50 ms.
    std::error_code why;
    const auto second = locks.acquire("task:42", {.wait_timeout = 50ms}, why);
    fmt::print("a second one: {}\n", why.message());
    if (second || why != leaselock::Errc::wait_timed_out) return 1;

    // Who has it? Good for people to look at; never a reason to believe in a lock.
    const leaselock::LockInfo info = locks.inspect("task:42");
    fmt::print("held by {} for {} ms\n", leaselock::printable(info.owner), info.remaining.count());

    lock->ensure();  // throws LockLost; ask before what cannot be undone
    if (lock->release() != leaselock::ReleaseResult::released) return 1;
    const auto again = locks.try_acquire("task:42");
    return again ? 0 : 1;
}

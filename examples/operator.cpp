// For operators: which locks are held, and how to free one whose holder will not.
#include <fmt/format.h>
#include <string>

#include <leaselock/leaselock.hpp>

using namespace std::chrono_literals;

int main() {
    leaselock::LockManager locks{{.owner = "worker-3"}};
    auto stuck = locks.acquire("import:7", {.ttl = 1h});
    auto other = locks.acquire("report", {.ttl = 1h});
    if (!stuck || !other) return 1;

    for (const auto& [key, info] : locks.list("import:*")) {
        fmt::print("{} is held by {} for {} s\n", leaselock::printable(key),
                   leaselock::printable(info.owner), info.remaining.count() / 1000);
    }

    // Its holder believes in it until the next renewal; the next grant's fencing token is higher.
    const leaselock::LockInfo freed = locks.force_release("import:7");
    auto next = locks.acquire("import:7");
    fmt::print("taken from {}: {}\n", leaselock::printable(freed.owner), freed.held);
    return freed.held && next && next->fencing_token() > stuck->fencing_token() &&
                   locks.list("import:*").size() == 1 && locks.list().size() == 2
               ? 0
               : 1;
}

// Several locks as one: all or none, in an order in which nobody waits in a circle.
#include <fmt/format.h>
#include <string_view>

#include <leaselock/leaselock.hpp>

using namespace std::chrono_literals;

int balance[] = {100, 100};

bool transfer(leaselock::LockManager& locks, int from, int to, int amount) {
    constexpr std::string_view names[] = {"account:0", "account:1"};
    const auto both =
        leaselock::acquire_all(locks, {names[from], names[to]}, {.wait_timeout = 100ms});
    if (!both || balance[from] < amount) return false;
    both->ensure();  // throws if one of them is lost
    balance[from] -= amount;
    balance[to] += amount;
    return true;
}

int main() {
    leaselock::LockManager locks;
    const bool done = transfer(locks, 0, 1, 30) && transfer(locks, 1, 0, 10);
    fmt::print("{} and {}\n", balance[0], balance[1]);

    // One of them is taken: then none is.
    const auto taken = locks.acquire("account:1");
    const bool none = !transfer(locks, 0, 1, 1) && locks.list("account:0").empty();
    return done && taken && none && balance[0] == 80 && balance[1] == 120 ? 0 : 1;
}

// A user of the core: one lock on the memory backend, which keeps a second holder out.
#include <iostream>

#include <leaselock/leaselock.hpp>

int main() {
    using namespace std::chrono_literals;
    leaselock::LockManager locks;
    const auto first = locks.acquire("task:42", {.ttl = 5s});
    const auto second = locks.acquire("task:42");
    std::cout << "first " << first.has_value() << ", second " << second.has_value() << '\n';
    return first && !second ? 0 : 1;
}

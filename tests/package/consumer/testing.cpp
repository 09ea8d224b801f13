// A user of the testing component: a program with locks, whose tests move its clock by hand.
#include <iostream>
#include <memory>

#include <leaselock/leaselock.hpp>
#include <leaselock/testing/conformance.hpp>
#include <leaselock/testing/manual_clock.hpp>

int main() {
    using namespace std::chrono_literals;
    const auto clock = std::make_shared<leaselock::testing::ManualClock>();
    leaselock::LockManager locks{{.clock = clock}};
    const auto lock = locks.acquire("task:42", {.ttl = 5s});
    const bool held = lock && lock->owns_lock();
    clock->advance(6s);
    const bool held_later = lock && lock->owns_lock();
    std::cout << "held " << held << ", later " << held_later << '\n';
    return held && !held_later ? 0 : 1;
}

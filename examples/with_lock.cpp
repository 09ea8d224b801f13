// The wrappers: with_lock runs a function under a lock now, synchronized makes one that always is.
#include <fmt/format.h>
#include <string>

#include <leaselock/leaselock.hpp>

int main() {
    leaselock::LockManager locks;

    const int total = leaselock::with_lock(locks, "report", {.wait = true}, [] { return 6 * 7; });

    // The function may take the guard, to ask it in between.
    const auto fence = leaselock::with_lock(locks, "report", [](auto& guard) {
        guard.ensure();
        return guard.fencing_token();
    });

    // The key of a decorated function is a text, or made from the arguments of the call.
    auto greet = leaselock::synchronized(
        locks, [](const std::string& name) { return LEASELOCK_KEY("greet-{{name}}", name); },
        {.wait = true},
        [&locks](const std::string& name) {
            return name + (locks.inspect("greet-" + name).held ? ", under a lock" : ", alone");
        });
    const std::string greeting = greet("Ada");

    fmt::print("{}, fencing token {}, {}\n", total, fence, greeting);
    return total == 42 && fence > 0 && greeting == "Ada, under a lock" ? 0 : 1;
}

// What is wrong in a call of a lock macro is said in one sentence, within the first three lines of
// what the compiler has to say, before how it came to it, and before overloads.
#include <memory>
#include <string>

#include <leaselock/leaselock.hpp>

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace leaselock;

struct Order {
    std::string id;
    long cents = 0;
};
LEASELOCK_FIELDS(Order, id, cents);
struct Bare {
    std::string id;
};

extern LockManager locks;
void unprotected();

// Each of them stands in one line.
// clang-format off
void keys(const Order& order, const Bare& bare, int n) {
    DISTRIBUTED_LOCK(locks, "o-{{m}}", {.wait = true}, n);  // refused at once: placeholder without an argument
    DISTRIBUTED_LOCK(locks, "o-{{n}}", {.wait = true});  // refused at once: placeholder without an argument
    DISTRIBUTED_LOCK(locks, "o-{{order.id}}", {}, order, n);  // refused at once: unused argument
    DISTRIBUTED_LOCK(locks, "o-{{order.idd}}", {}, order);  // refused at once: LEASELOCK_FIELDS(Type, field...)
    DISTRIBUTED_LOCK(locks, "o-{{bare.id}}", {}, bare);  // refused at once: LEASELOCK_FIELDS(Type, field...)
    DISTRIBUTED_LOCK(locks, "o-{n}", n);  // refused at once: a placeholder has double braces
    DISTRIBUTED_LOCK(locks, "o-{order.id}", {}, order);  // refused at once: a placeholder has double braces
    DISTRIBUTED_LOCK(locks, "o-${bare.id}", {}, bare);  // refused at once: a placeholder has double braces
    DISTRIBUTED_LOCK(locks, "o-{{n}", n);  // refused at once: unbalanced braces
    DISTRIBUTED_LOCK(locks, "o-{{order.id}}{{n}}", {}, order, n);  // refused at once: adjacent placeholders
    DISTRIBUTED_LOCK(locks, "o-{{n}}", {}, n + 1);  // refused at once: leaselock::arg<
    DISTRIBUTED_LOCK(locks, "o-{{order}}", {}, order);  // refused at once: LEASELOCK_FIELDS
    DISTRIBUTED_LOCK(locks, R"(o-{{n}})", {}, n);  // refused at once: a raw string literal
}

void options(const Order& order, int n) {
    DISTRIBUTED_LOCK(locks, "o-{{n}}", {.tll = 10s}, n);  // refused at once: no such option; there are ttl, wait,
    DISTRIBUTED_LOCK(locks, "o-{{n}}", {.timeout = 10s}, n);  // refused at once: no such option; there are ttl, wait,
    DISTRIBUTED_LOCK(locks, "o-{{n}}", {.wait = true, .ttl = 10s}, n);  // refused at once: options have an order: ttl, wait,
    DISTRIBUTED_LOCK(locks, "o-{{n}}", {.ttl = 5000}, n);  // refused at once: a time needs a unit: .ttl = 5s
    DISTRIBUTED_LOCK(locks, "o-{{n}}", {.wait_timeout = 10'000}, n);  // refused at once: a time needs a unit: .ttl = 5s
    DISTRIBUTED_LOCK(locks, "o-{{n}}", n, {.wait = true});  // refused at once: options come right after the template
    DISTRIBUTED_LOCK(locks, "o-{{order.id}}", order, {.ttl = 5s});  // refused at once: options come right after the template
    locks.acquire("o", 5s);  // refused at once: options have names
    locks.try_acquire("o", 5s);  // refused at once: options have names
}

void parts(int n, const std::string& key, LockManager* pointer, const LockManager& constant) {
    const auto shared = std::make_shared<LockManager>();
    constexpr const char* kTemplate = "o-{{n}}";
    DISTRIBUTED_LOCK(locks, key, {.ttl = 5s});  // refused at once: ScopedDistributedLock lock{manager, key}
    DISTRIBUTED_LOCK(locks, kTemplate, {.ttl = 5s}, n);  // refused at once: ScopedDistributedLock lock{manager, key}
    DISTRIBUTED_LOCK(locks, "o"s);  // refused at once: ScopedDistributedLock lock{manager, key}
    DISTRIBUTED_LOCK(locks, "o\n");  // refused at once: an escape other than
    DISTRIBUTED_LOCK(key);  // refused at once: ScopedDistributedLock lock{manager, key}
    DISTRIBUTED_LOCK();  // refused at once: ([manager,] "template" [, {options}] [, values...])
    DISTRIBUTED_LOCK("o-{{n}}", locks, {.ttl = 5s}, n);  // refused at once: options come right after the template
    DISTRIBUTED_LOCK(pointer, "o-{{n}}", {.ttl = 5s}, n);  // refused at once: write *manager
    DISTRIBUTED_LOCK(pointer, "o-{{n}}", n);  // refused at once: write *manager
    DISTRIBUTED_LOCK(shared, "o-{{n}}", n);  // refused at once: write *manager
    DISTRIBUTED_LOCK(constant, "o", {});  // refused at once: neither const nor a pointer
    ScopedDistributedLock("o");  // refused at once: write lock{manager, "key"}
}

void as_expressions(int n, LockManager* pointer) {
    auto guard = LEASELOCK_GUARD(locks, "o-{{n}}", {.tll = 10s}, n);  // refused at once: no such option; there are ttl, wait,
    auto reader = LEASELOCK_SHARED_GUARD(locks, "o-{{m}}", n);  // refused at once: placeholder without an argument
    auto other = LEASELOCK_GUARD(pointer, "o-{{n}}", n);  // refused at once: write *manager
    WITH_DISTRIBUTED_LOCK(locks, "o-{n}", {.wait = true}, n) {};  // refused at once: a placeholder has double braces
    auto key = LEASELOCK_KEY("o-{{n}}-{{m}}", n);  // refused at once: placeholder without an argument
}

void without_braces(bool condition, int n) {
    if (condition) DISTRIBUTED_LOCK(locks, "o-{{n}}", {}, n);  // refused at once: braces around it
    unprotected();
    if (condition)
        DISTRIBUTED_SHARED_LOCK(locks, "o");  // refused at once: braces around it
    for (int i = 0; i < n; ++i) DISTRIBUTED_LOCK(locks, "o-{{i}}", i);  // refused at once: braces around it
    while (condition) DISTRIBUTED_LOCK(locks, "o");  // refused at once: braces around it
}

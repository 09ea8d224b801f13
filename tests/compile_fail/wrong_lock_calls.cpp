// What is wrong in a call of a lock macro is said in one sentence, before all that compilers have
// to say of overloads.
#include <memory>
#include <string>

#include <leaselock/leaselock.hpp>

using namespace std::chrono_literals;
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
    DISTRIBUTED_LOCK(locks, "o-{{m}}", {.wait = true}, n);  // refused: placeholder without an argument
    DISTRIBUTED_LOCK(locks, "o-{{n}}", {.wait = true});  // refused: placeholder without an argument
    DISTRIBUTED_LOCK(locks, "o-{{order.id}}", {}, order, n);  // refused: unused argument
    DISTRIBUTED_LOCK(locks, "o-{{order.idd}}", {}, order);  // refused: LEASELOCK_FIELDS(Type, field...)
    DISTRIBUTED_LOCK(locks, "o-{{bare.id}}", {}, bare);  // refused: LEASELOCK_FIELDS(Type, field...)
    DISTRIBUTED_LOCK(locks, "o-{n}", n);  // refused: a placeholder has double braces
    DISTRIBUTED_LOCK(locks, "o-{order.id}", {}, order);  // refused: a placeholder has double braces
    DISTRIBUTED_LOCK(locks, "o-${bare.id}", {}, bare);  // refused: a placeholder has double braces
    DISTRIBUTED_LOCK(locks, "o-{{n}", n);  // refused: unbalanced braces
    DISTRIBUTED_LOCK(locks, "o-{{order.id}}{{n}}", {}, order, n);  // refused: adjacent placeholders
    DISTRIBUTED_LOCK(locks, "o-{{n}}", {}, n + 1);  // refused: leaselock::arg<
    DISTRIBUTED_LOCK(locks, "o-{{order}}", {}, order);  // refused: LEASELOCK_FIELDS
    DISTRIBUTED_LOCK(locks, R"(o-{{n}})", {}, n);  // refused: a raw string literal
}

void options(const Order& order, int n) {
    DISTRIBUTED_LOCK(locks, "o-{{n}}", {.tll = 10s}, n);  // refused: no such option; there are ttl, wait,
    DISTRIBUTED_LOCK(locks, "o-{{n}}", {.timeout = 10s}, n);  // refused: no such option; there are ttl, wait,
    DISTRIBUTED_LOCK(locks, "o-{{n}}", {.wait = true, .ttl = 10s}, n);  // refused: options have an order: ttl, wait,
    DISTRIBUTED_LOCK(locks, "o-{{n}}", {.ttl = 5000}, n);  // refused: a time needs a unit: .ttl = 5s
    DISTRIBUTED_LOCK(locks, "o-{{n}}", {.wait_timeout = 10'000}, n);  // refused: a time needs a unit: .ttl = 5s
    DISTRIBUTED_LOCK(locks, "o-{{n}}", n, {.wait = true});  // refused: options come right after the template
    DISTRIBUTED_LOCK(locks, "o-{{order.id}}", order, {.ttl = 5s});  // refused: options come right after the template
    locks.acquire("o", 5s);  // refused: options have names
    locks.try_acquire("o", 5s);  // refused: options have names
}

void parts(int n, const std::string& key, LockManager* pointer, const LockManager& constant) {
    const auto shared = std::make_shared<LockManager>();
    constexpr const char* kTemplate = "o-{{n}}";
    DISTRIBUTED_LOCK(locks, key, {.ttl = 5s});  // refused: ScopedDistributedLock lock{manager, key}
    DISTRIBUTED_LOCK(locks, kTemplate, {.ttl = 5s}, n);  // refused: ScopedDistributedLock lock{manager, key}
    DISTRIBUTED_LOCK(key);  // refused: ScopedDistributedLock lock{manager, key}
    DISTRIBUTED_LOCK();  // refused: ([manager,] "template" [, {options}] [, values...])
    DISTRIBUTED_LOCK("o-{{n}}", locks, {.ttl = 5s}, n);  // refused: options come right after the template
    DISTRIBUTED_LOCK(pointer, "o-{{n}}", {.ttl = 5s}, n);  // refused: write *manager
    DISTRIBUTED_LOCK(pointer, "o-{{n}}", n);  // refused: write *manager
    DISTRIBUTED_LOCK(shared, "o-{{n}}", n);  // refused: write *manager
    DISTRIBUTED_LOCK(constant, "o", {});  // refused: neither const nor a pointer
    ScopedDistributedLock("o");  // refused: write lock{manager, "key"}
}

void without_braces(bool condition, int n) {
    if (condition) DISTRIBUTED_LOCK(locks, "o-{{n}}", {}, n);  // refused: a_lock_needs_braces_around_it
    unprotected();
    if (condition)
        DISTRIBUTED_SHARED_LOCK(locks, "o");  // refused: a_lock_needs_braces_around_it
    for (int i = 0; i < n; ++i) DISTRIBUTED_LOCK(locks, "o-{{i}}", i);  // refused: a_lock_needs_braces_around_it
    while (condition) DISTRIBUTED_LOCK(locks, "o");  // refused: a_lock_needs_braces_around_it
}

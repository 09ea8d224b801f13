// A plugin that has leaselock inside it, see plugin_test.cpp: `use` locks by a manager of its own,
// in memory, so that everything of the library that runs by itself has been started.
#include <leaselock/leaselock.hpp>

// Whether the lock was held, and lost() can be asked for.
extern "C" __attribute__((visibility("default"))) bool use() {
    leaselock::LockManager locks;
    auto lock = locks.acquire("plugin", {.ttl = std::chrono::hours{1}});
    return lock.has_value() && !lock->lost().stop_requested();
}

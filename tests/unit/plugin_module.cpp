// A plugin that has leaselock inside it, see plugin_test.cpp: `use` locks by a manager of its own,
// in memory, so that everything of the library that runs by itself has been started. `lock_in` does
// so in a store of the program.
#include <memory>
#include <string>

#include <leaselock/backend.hpp>
#include <leaselock/leaselock.hpp>

// Whether the lock was held, and lost() can be asked for.
extern "C" __attribute__((visibility("default"))) bool use() {
    leaselock::LockManager locks;
    auto lock = locks.acquire("plugin", {.ttl = std::chrono::hours{1}});
    return lock.has_value() && !lock->lost().stop_requested();
}

// Whether the store names the plugin as the holder of a lock that the plugin has.
extern "C" __attribute__((visibility("default"))) bool lock_in(
    const std::shared_ptr<leaselock::Backend>& store) {
    leaselock::LockManager locks{{.owner = "plugin:2"}};
    locks.register_backend("shared", store);
    locks.set_default_backend("shared");
    (void)locks.acquire("first lock");  // starts its threads, and goes another way
    const auto lock = locks.acquire("a key");
    return lock.has_value() && locks.inspect("a key").owner == "plugin:2";
}

// Takes a lock in memory; and calls into the component for Redis, which needs no server for that.
#include <leaselock/leaselock.hpp>
#ifdef WITH_REDIS
#include <leaselock/redis.hpp>
#endif

int main() {
#ifdef WITH_REDIS
    (void)leaselock::make_redis_backend({.url = "redis://127.0.0.1:6379"});
#endif
    leaselock::LockManager locks;
    const auto lock = locks.acquire("test-package");
    return lock ? 0 : 1;
}

// A user of the Redis backend, without a server: nobody listens on port 1, and it has to say so.
#include <iostream>
#include <memory>
#include <system_error>

#include <leaselock/leaselock.hpp>
#include <leaselock/redis.hpp>

int main() {
    leaselock::LockManager locks;
    locks.register_backend("redis", leaselock::make_redis_backend({.url = "redis://127.0.0.1:1"}));
    locks.set_default_backend("redis");
    std::error_code error;
    const auto lock = locks.acquire("task:42", {}, error);
    std::cout << error << ": " << error.message() << '\n';
    return !lock && error == leaselock::Errc::connect_failed ? 0 : 1;
}

// A user of the Redis backend in a build without TLS: rediss:// has to say what to build.
#include <iostream>
#include <string>

#include <leaselock/leaselock.hpp>
#include <leaselock/redis.hpp>

int main() {
    try {
        (void)leaselock::make_redis_backend({.url = "rediss://127.0.0.1:1"});
    } catch (const leaselock::LockError& error) {
        std::cout << error.what() << '\n';
        const bool says =
            std::string{error.what()}.find("LEASELOCK_WITH_TLS=ON") != std::string::npos;
        return says && error.code() == leaselock::Errc::invalid_url ? 0 : 1;
    }
    return 1;
}

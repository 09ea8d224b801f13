#include <leaselock/redis.hpp>

#include "orders/make_redis.hpp"

namespace orders {

std::shared_ptr<leaselock::Backend> make_redis(const std::string& url) {
    return leaselock::make_redis_backend({.url = url});
}

}  // namespace orders

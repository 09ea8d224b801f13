#include <stdexcept>

#include "orders/make_redis.hpp"

namespace orders {

std::shared_ptr<leaselock::Backend> make_redis(const std::string& /*url*/) {
    throw std::runtime_error("this program was built without Redis (LEASELOCK_WITH_REDIS)");
}

}  // namespace orders

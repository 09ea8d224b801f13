// The one place of the demo that needs the component `redis`: with_redis.cpp has it,
// without_redis.cpp says that it is not built in.
#pragma once

#include <memory>
#include <string>

#include <leaselock/backend.hpp>

namespace orders {

// Does no I/O. Throws leaselock::LockError for a wrong URL, std::runtime_error without Redis.
[[nodiscard]] std::shared_ptr<leaselock::Backend> make_redis(const std::string& url);

}  // namespace orders

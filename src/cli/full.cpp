#include "cli/full.hpp"

#include <leaselock/redis.hpp>

namespace leaselock::cli {

std::shared_ptr<Backend> redis_backend(const std::string& url,
                                       const std::vector<std::string>& /*words*/) {
    return make_redis_backend({.url = url});
}

}  // namespace leaselock::cli

#include "cli/full.hpp"

#include <leaselock/redis.hpp>

namespace leaselock::cli {

std::shared_ptr<Backend> redis_backend(const std::string& url, char** /*words*/) {
    return make_redis_backend({.url = url});
}

}  // namespace leaselock::cli

#include "cli/full.hpp"

#ifdef LEASELOCK_HAS_HAZELCAST
#include <leaselock/hazelcast.hpp>
#endif
#include <leaselock/redis.hpp>

namespace leaselock::cli {

std::shared_ptr<Backend> server_backend(const std::string& url,
                                        const std::vector<std::string>& /*words*/) {
    if (!url.starts_with("hazelcast")) return make_redis_backend({.url = url});
#ifdef LEASELOCK_HAS_HAZELCAST
    return make_hazelcast_backend({.url = url});
#else
    throw LockError(Errc::not_supported, "this leaselock was built without Hazelcast");
#endif
}

}  // namespace leaselock::cli

#include "cli/store.hpp"

#include <utility>

#include <leaselock/redis.hpp>

#include "cli/usage_error.hpp"

namespace leaselock::cli {
namespace {

// The backend of a user who names none.
std::shared_ptr<Backend> default_backend() {
    throw UsageError(
        "where are the locks? Say --url redis://HOST:6379, or set LEASELOCK_URL, or name a file "
        "with `url = \"...\"` by --config");
}

}  // namespace

Store open_store(const StoreOptions& options) {
    std::shared_ptr<Backend> backend = options.url.empty()
                                           ? default_backend()
                                           : make_redis_backend(RedisOptions{.url = options.url});
    ManagerOptions manager{.backend = "store"};
    if (options.prefix) manager.prefix = *options.prefix;
    LockManager locks{manager};
    locks.register_backend(manager.backend, backend);
    return {manager.prefix, std::move(backend), std::move(locks)};
}

}  // namespace leaselock::cli

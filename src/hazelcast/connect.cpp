// The one file that puts a manager and this backend together.
#include <utility>

#include <leaselock/hazelcast.hpp>

namespace leaselock {

LockManager connect_hazelcast(std::string_view url, ManagerOptions options) {
    options.backend = "hazelcast";
    HazelcastOptions hazelcast;
    hazelcast.url = url;
    if (options.clock != nullptr) hazelcast.clock = options.clock;
    LockManager manager{std::move(options)};
    manager.register_backend("hazelcast", make_hazelcast_backend(hazelcast));
    return manager;
}

std::optional<LockManager> connect_hazelcast(std::string_view url, ManagerOptions options,
                                             std::error_code& ec) {
    ec.clear();
    try {
        return connect_hazelcast(url, std::move(options));
    } catch (const LockError& error) {
        ec = error.code();
        return std::nullopt;
    }
}

}  // namespace leaselock

// Where the locks are, by one text: a manager whose backend is what a URL names.
//
//     leaselock::LockManager locks = leaselock::connect("redis://db:6379");
//     leaselock::LockManager locks = leaselock::from_environment();
//     leaselock::LockManager locks = leaselock::for_root({.backend = "redis", .redis = {.host =
//     "db"}});
//
// The core knows `memory:`, for threads of this process, and `file:/path`, or `file:` for
// default_lock_directory(), for processes of this machine. What has a library of its own knows its
// schemes where its header is included: <leaselock/redis.hpp> redis:, redis+unix:, redis+sentinel:
// and redis+cluster:, by TLS rediss:, rediss+sentinel: and rediss+cluster:;
// <leaselock/hazelcast.hpp> hazelcast:, by TLS hazelcasts:. A URL of another scheme is refused,
// with what is missing.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <leaselock/clock.hpp>
#include <leaselock/detail/export.hpp>
#include <leaselock/lock_manager.hpp>
#include <leaselock/lock_options.hpp>

namespace leaselock {

class Backend;  // its contract: <leaselock/backend.hpp>

namespace detail {

// Throws LockError: invalid_url, invalid_option.
using BackendOfUrl = std::shared_ptr<Backend> (*)(std::string_view url,
                                                  const std::shared_ptr<Clock>& clock);

// From then on connect() makes the backends of URLs that begin with `scheme` by `make`, and
// registers them as `name`. Both texts are literals. True, for the initialiser of a constant in a
// header: a static initialiser in an archive would be left out with its object.
LEASELOCK_EXPORT bool register_scheme(std::string_view scheme, std::string_view name,
                                      BackendOfUrl make) noexcept;

}  // namespace detail

// A manager whose default backend is what the URL names, registered as "memory", "file", "redis",
// "hazelcast". Does no I/O, but makes a directory of locks that is not there. `options.backend` is
// not used. Throws LockError: invalid_url, invalid_option; directory_unusable, access_denied.
[[nodiscard]] LEASELOCK_EXPORT LockManager connect(std::string_view url,
                                                   ManagerOptions options = {});
// Throws nothing but bad_alloc; empty if `ec` says why.
[[nodiscard]] LEASELOCK_EXPORT std::optional<LockManager> connect(std::string_view url,
                                                                  ManagerOptions options,
                                                                  std::error_code& ec);

// connect() to LEASELOCK_URL, with the prefix LEASELOCK_PREFIX if that is set: the variables of the
// command `leaselock`. Throws LockError{invalid_url} also if there is no LEASELOCK_URL, since locks
// of one process are nothing to fall back on. Reads the environment, so not beside setenv().
[[nodiscard]] LEASELOCK_EXPORT LockManager from_environment(ManagerOptions options = {});

// All that a module is set up with, as with the forRoot() of decorators.
struct RootOptions {
    struct Redis {
        std::string host = "localhost";
        int port = 6379;
        std::string username{};
        std::string password{};
        int db = 0;
    };
    // "memory", "file" or "redis".
    std::string backend = "memory";
    std::string prefix = ManagerOptions{}.prefix;
    Duration default_ttl = ManagerOptions{}.default_ttl;
    Redis redis{};
    // Of "file"; empty: default_lock_directory().
    std::string directory{};
};
// Throws as connect(); and invalid_option for another backend.
[[nodiscard]] LEASELOCK_EXPORT LockManager for_root(const RootOptions& options);

}  // namespace leaselock

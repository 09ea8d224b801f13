// Locks in a Redis server, for processes on any number of machines. Component `redis`:
// find_package(leaselock COMPONENTS redis), target leaselock::redis.
//
//     leaselock::LockManager locks;
//     locks.register_backend("redis", leaselock::make_redis_backend({.url = "redis://db:6379"}));
//     locks.set_default_backend("redis");
//     // or: leaselock::LockManager locks = leaselock::connect("redis://db:6379");
//
// A lock is a string key with the owner token as its value, so that software which does
// `SET key token NX PX ttl` and a compare-and-delete excludes leaselock and is excluded by it.
//
// All callers and managers share one connection, which is opened at the first command and replaced
// when it breaks; a waiter for a lock is notified over a second one. One thread reads for all
// Redis backends of the process what no caller blocks for, and each connection is made by a thread
// of its own. The destructor of a backend blocks for a look-up, at most for the connect time-out,
// and for a credentials callback that are under way.
//
// Thread-safety: a backend may be used from all threads at once.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <leaselock/clock.hpp>
#include <leaselock/connect.hpp>
#include <leaselock/detail/export.hpp>
#include <leaselock/lock_options.hpp>
#include <leaselock/tls.hpp>

namespace leaselock {

class Backend;  // its contract: <leaselock/backend.hpp>

// The login at the server.
struct RedisCredentials {
    std::string username{};  // of the server's ACL; empty: `default`
    std::string password{};  // empty: there is no login
};

// What is said here goes before what the URL says, which goes before the default.
struct RedisOptions {
    // redis://[user[:password]@]host[:port][/db], the same with rediss:// for TLS,
    // redis+unix:///path/to.sock[?db=n], or
    // redis+sentinel://[user[:password]@]host[:port],host[:port].../name[/db], the same with
    // rediss+sentinel:// for TLS: the hosts are Sentinels, which say where the master of that name
    // is, and user and password are the server's. With ?connect_timeout=1s&command_timeout=1s
    // &spin=20us&max_in_flight=1000, the fields of TlsOptions (verify=on, verify=off), and for
    // Sentinels sentinel_user and sentinel_password. Percent-encoded where need be.
    // redis+cluster://[user[:password]@]host[:port][,host[:port]...], the same with rediss+cluster
    // for TLS: some nodes of a Redis Cluster, which tell of all the others.
    std::string url = "redis://127.0.0.1:6379/0";
    // A name or an address, as it is: nothing in it is encoded or in brackets. And 1 to 65'535.
    std::string host{};
    std::optional<int> port{};
    // The user of the server's ACL, and its password.
    std::string username{};
    std::string password{};
    // The login at the Sentinels, if they ask for one; for redis+sentinel:// alone.
    std::string sentinel_username{};
    std::string sentinel_password{};
    // For passwords that change: asked at each new connection, before its login. If it is set,
    // `username` and `password`, here and in the URL, are not used. Runs on the thread that makes
    // the connection, no lock of ours held: one of the library's, or that of the caller of check(),
    // list() or Backend::nodes(). Its time is a part of connect_timeout. Commands and messages have
    // a connection each, so two calls may come at once. The destructor of the backend waits for it.
    // It must not use this backend, which would wait for itself. If it throws: connect_failed, and
    // what it threw is dropped. A command that the server refuses for want of a right
    // (authentication_failed, access_denied) has the connection replaced, so that this is asked
    // again, and is sent once more; at most once a second.
    std::function<RedisCredentials()> credentials{};
    // For look-up, connecting, the TLS handshake, credentials and the login. 1 ms to 1 h; default
    // 1 s. Longer than command_timeout is the same as that. A connection is made by a thread of its
    // own, and goes on being made when the call that wanted it has ended.
    std::optional<Duration> connect_timeout{};
    // For one command from its submission to its answer, with connecting where that is needed. 1 ms
    // to 1 h; default 1 s. If it is over, the outcome is unknown and the connection is replaced.
    std::optional<Duration> command_timeout{};
    // How long a caller that is alone on the connection polls for its answer before it sleeps. On a
    // machine with processors to spare it saves the waking up, a fifth of a short round trip; on a
    // busy one it takes the processor from the one that is to answer. 0 to 1 ms; default 0: it
    // sleeps.
    std::optional<std::chrono::microseconds> spin{};
    // How many replicas must have acknowledged what was granted or renewed before it counts, by a
    // WAIT after each batch of commands. Else the lock is released, Errc::not_replicated; a renewal
    // that they have not acknowledged does not prolong the lease. If it is all replicas that may be
    // promoted, no fail-over gives the lock to a second holder. In a cluster: of the master that
    // has the key. 0 to 100; default 0.
    std::optional<int> wait_replicas{};
    // How long they may take. 1 ms to 1 h, and less than command_timeout; default 100 ms, or half
    // of command_timeout if that is less.
    std::optional<Duration> wait_replicas_timeout{};
    // How many commands may wait for their answers at once, which bounds memory too. What comes
    // beyond is answered with Errc::too_many_in_flight, and nothing of it is sent. 1 to 1'000'000;
    // default 65'536.
    std::optional<int> max_in_flight{};
    TlsOptions tls{};
    // For redis+cluster:// alone. Nodes that this host reaches by another address than the one that
    // they announce, as behind a NAT or a proxy: announced -> real, host:port each. As a URL option
    // node_addresses=10.0.0.1:6379=db1:7001,10.0.0.2:6379=db2:7002.
    std::map<std::string, std::string> node_addresses{};
    // The clock of the managers that use the backend. Never null.
    std::shared_ptr<Clock> clock = boot_clock();
};

// Does no I/O. Throws LockError: invalid_url, invalid_option.
[[nodiscard]] LEASELOCK_EXPORT std::shared_ptr<Backend> make_redis_backend(
    const RedisOptions& options);
// Throws nothing but bad_alloc; null if `ec` says why.
[[nodiscard]] LEASELOCK_EXPORT std::shared_ptr<Backend> make_redis_backend(
    const RedisOptions& options, std::error_code& ec);

namespace detail {
[[nodiscard]] LEASELOCK_EXPORT std::shared_ptr<Backend> redis_backend_of(
    std::string_view url, const std::shared_ptr<Clock>& clock);
// What includes this header connects by these schemes: see <leaselock/connect.hpp>. It runs as
// the program starts, which clang can be asked to warn of.
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wglobal-constructors"
#endif
inline const bool knows_redis = register_scheme("redis:", "redis", redis_backend_of) &&
                                register_scheme("rediss:", "redis", redis_backend_of) &&
                                register_scheme("redis+unix:", "redis", redis_backend_of) &&
                                register_scheme("redis+sentinel:", "redis", redis_backend_of) &&
                                register_scheme("rediss+sentinel:", "redis", redis_backend_of) &&
                                register_scheme("redis+cluster:", "redis", redis_backend_of) &&
                                register_scheme("rediss+cluster:", "redis", redis_backend_of);
#if defined(__clang__)
#pragma clang diagnostic pop
#endif
}  // namespace detail

}  // namespace leaselock

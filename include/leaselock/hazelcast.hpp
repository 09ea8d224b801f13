// Locks in the CP subsystem of a Hazelcast cluster, where a majority of members agrees on each
// step. Component `hazelcast`: find_package(leaselock COMPONENTS hazelcast), target
// leaselock::hazelcast.
//
//     auto locks = leaselock::connect("hazelcast://h1:5701,h2:5701/my-cluster/my-group");
//     auto lock = locks.acquire("order-7", {.wait_timeout = 5s});
//
// A lock is a FencedLock of that name, so that other clients, such as Java's, exclude leaselock and
// are excluded by it, and all see one order of fencing tokens. Servers: 4.0 to 5.4 with
// cp-member-count of 3 or more; from 5.5 on Hazelcast's CP subsystem needs a licence, and without
// one it answers Errc::not_supported.
//
// Leases. All locks of a backend hang on one session with the cluster. Its time-to-live, which the
// cluster's configuration says (session-time-to-live-seconds, 300 s if nothing else is said), is
// the lease of each: a ttl that is asked for is granted as that long, whatever it is. One heartbeat
// prolongs all of them. A lease that is not renewed is ended by the backend; when the process dies,
// by the cluster, as the session expires.
//
// All callers and managers share one connection to one of the members, which is opened at the first
// command. When it breaks, or its member is silent for a few seconds, another member is taken: of
// those that the URL names, and those that the cluster names. The destructor of a backend closes
// the session, for which it blocks for 250 ms at most, and for a look-up or a connect under way.
//
// Thread-safety: a backend may be used from all threads at once.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <leaselock/clock.hpp>
#include <leaselock/connect.hpp>
#include <leaselock/detail/export.hpp>
#include <leaselock/lock_manager.hpp>
#include <leaselock/lock_options.hpp>
#include <leaselock/tls.hpp>

namespace leaselock {

class Backend;  // its contract: <leaselock/backend.hpp>

// What is said here goes before what the URL says, which goes before the default.
struct HazelcastOptions {
    // hazelcast://[user[:password]@]host[:port][,host[:port]...][/cluster[/group]], the same with
    // hazelcasts:// for TLS, port 5701, cluster `dev` and group `default` if nothing is said, with
    // ?connect_timeout=2s&command_timeout=5s&max_in_flight=1000, the fields of TlsOptions
    // (verify=on, verify=off) and member_addresses. Percent-encoded where need be.
    std::string url = "hazelcast://127.0.0.1:5701/dev/default";
    std::string username{};
    std::string password{};
    // For connecting to one member and authentication there; and for its answer to a ping when
    // nothing else has come for a second. 1 ms to 1 h; default 2 s.
    std::optional<Duration> connect_timeout{};
    // For one command from its submission to its answer, with connecting where that is needed, and
    // with the choice of a new leader, which takes seconds. 1 ms to 1 h; default 5 s. If it is
    // over, the outcome is unknown.
    std::optional<Duration> command_timeout{};
    // How many commands may wait for their answers at once. What comes beyond is answered with
    // Errc::too_many_in_flight, and nothing of it is sent. 1 to 1'000'000; default 65'536.
    std::optional<int> max_in_flight{};
    // For hazelcasts:// alone. It holds for all members, those that the URL names and those that
    // the cluster names; none is ever used without TLS.
    TlsOptions tls{};
    // Members that this host reaches by another address than the one that they announce, as behind
    // a NAT or a proxy: announced -> real, host:port each. As a URL option
    // member_addresses=10.0.0.1:5701=hz1:7001,10.0.0.2:5701=hz2:7001.
    std::map<std::string, std::string> member_addresses{};
    // The clock of the managers that use the backend. Never null.
    std::shared_ptr<Clock> clock = boot_clock();
};

// Does no I/O. Throws LockError: invalid_url, invalid_option.
[[nodiscard]] LEASELOCK_EXPORT std::shared_ptr<Backend> make_hazelcast_backend(
    const HazelcastOptions& options);
// Throws nothing but bad_alloc; null if `ec` says why.
[[nodiscard]] LEASELOCK_EXPORT std::shared_ptr<Backend> make_hazelcast_backend(
    const HazelcastOptions& options, std::error_code& ec);

namespace detail {
[[nodiscard]] LEASELOCK_EXPORT std::shared_ptr<Backend> hazelcast_backend_of(
    std::string_view url, const std::shared_ptr<Clock>& clock);
// What includes this header connects by this scheme: see <leaselock/connect.hpp>. It runs as
// the program starts, which clang can be asked to warn of.
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wglobal-constructors"
#endif
inline const bool knows_hazelcast =
    register_scheme("hazelcast:", "hazelcast", hazelcast_backend_of) &&
    register_scheme("hazelcasts:", "hazelcast", hazelcast_backend_of);
#if defined(__clang__)
#pragma clang diagnostic pop
#endif
}  // namespace detail

}  // namespace leaselock

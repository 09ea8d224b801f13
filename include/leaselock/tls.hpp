// How a server is to be trusted that is reached over TLS. Used by the backends whose servers may
// speak it: <leaselock/redis.hpp> by rediss://, <leaselock/hazelcast.hpp> by hazelcasts://.
//
// Thread-safety: a value.
#pragma once

#include <optional>
#include <string>

namespace leaselock {

// Files are PEM, and are read when the backend is made. Needs a build with OpenSSL
// (LEASELOCK_WITH_TLS). For the schemes with TLS alone: a field that is set beside another one is
// refused.
struct TlsOptions {
    // Whether the server's certificate must lead to a trusted authority, be valid now, and be for
    // the host that we connect to. Unset: yes. Without it anybody in between can read and change
    // all.
    std::optional<bool> verify{};
    // The trusted authorities; a directory has them under their hashes (openssl rehash). Both
    // empty: those of the system.
    std::string ca_file{};
    std::string ca_dir{};
    // Our own certificate and its key, for a server that asks for one. Both or neither.
    std::string cert_file{};
    std::string key_file{};
    // The name or address that the certificate must be for, if not the host: that of the URL, or
    // the one by which a node or a member has announced itself.
    std::string server_name{};
};

}  // namespace leaselock

// Goal: RedisBackend keeps the contract of a backend, over TCP, over a unix socket, and as the
// least-privilege user of docs/guide/redis.md, in plain and over TLS. Method: the conformance
// suite, each case with a real redis-server of its own. The link breaks in two ways: over TCP the
// server dies and comes back empty, for the others it is stopped and goes on.
#include <memory>
#include <string>

#include <leaselock/testing/conformance.hpp>

#include "conformance/locker_acl.hpp"
#include "conformance/redis_fixture.hpp"
#include "support/certificates.hpp"
#include "support/free_port.hpp"

namespace leaselock::testing {
namespace {

class TcpFixture final : public RedisFixture {
    RedisOptions login() override { return {.url = server().url()}; }
    void cut() override { server().kill9(); }
    void mend() override { server().restart(); }
};

class UnixSocketFixture final : public RedisFixture {
    RedisOptions login() override { return {.url = server().unix_url()}; }
};

class LeastPrivilegeFixture final : public RedisFixture {
  public:
    LeastPrivilegeFixture() { server().command(locker_acl()); }

  private:
    RedisOptions login() override {
        return {.url = server().url(), .username = "locker", .password = locker_password};
    }
};

#ifdef LEASELOCK_HAS_TLS
class TlsFixture final : public RedisFixture {
  public:
    TlsFixture() : TlsFixture{support::free_port()} {}

  private:
    explicit TlsFixture(std::uint16_t port)
        : RedisFixture{support::tls_arguments(port, "server")}, port_{port} {
        server().command(locker_acl());
    }
    RedisOptions login() override {
        return {.url = "rediss://localhost:" + std::to_string(port_),
                .username = "locker",
                .password = locker_password,
                .tls = {.ca_file = support::Certificates::file("ca.pem")}};
    }

    const std::uint16_t port_;
};

LEASELOCK_CONFORMANCE_SUITE(RedisTlsConformance, [] { return std::make_unique<TlsFixture>(); });
LEASELOCK_LINK_CONFORMANCE_SUITE(RedisTlsLink, [] { return hasty<TlsFixture>(); });
#endif

LEASELOCK_CONFORMANCE_SUITE(RedisTcpConformance, [] { return std::make_unique<TcpFixture>(); });
LEASELOCK_LINK_CONFORMANCE_SUITE(RedisTcpLink, [] { return hasty<TcpFixture>(); });
LEASELOCK_ASYNC_CONFORMANCE_SUITE(RedisTcpAsyncConformance,
                                  [] { return std::make_unique<TcpFixture>(); });
LEASELOCK_ASYNC_LINK_CONFORMANCE_SUITE(RedisTcpAsyncLink, [] { return hasty<TcpFixture>(); });

LEASELOCK_CONFORMANCE_SUITE(RedisUnixConformance,
                            [] { return std::make_unique<UnixSocketFixture>(); });
LEASELOCK_LINK_CONFORMANCE_SUITE(RedisUnixLink, [] { return hasty<UnixSocketFixture>(); });
LEASELOCK_ASYNC_LINK_CONFORMANCE_SUITE(RedisUnixAsyncLink,
                                       [] { return hasty<UnixSocketFixture>(); });

LEASELOCK_CONFORMANCE_SUITE(RedisAclConformance,
                            [] { return std::make_unique<LeastPrivilegeFixture>(); });
LEASELOCK_LINK_CONFORMANCE_SUITE(RedisAclLink, [] { return hasty<LeastPrivilegeFixture>(); });

}  // namespace
}  // namespace leaselock::testing

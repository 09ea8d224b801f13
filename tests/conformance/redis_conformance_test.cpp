// Goal: RedisBackend keeps the contract of a backend, over TCP, over a unix socket and as the
// least-privilege user of the README. Method: the conformance suite, each case with a real
// redis-server of its own. The link breaks in two ways: over TCP the server dies and comes back
// empty, for the others it is stopped and goes on.
#include <memory>

#include <leaselock/testing/conformance.hpp>

#include "conformance/locker_acl.hpp"
#include "conformance/redis_fixture.hpp"

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

LEASELOCK_CONFORMANCE_SUITE(RedisTcpConformance, [] { return std::make_unique<TcpFixture>(); });
LEASELOCK_LINK_CONFORMANCE_SUITE(RedisTcpLink, [] { return std::make_unique<TcpFixture>(); });

LEASELOCK_CONFORMANCE_SUITE(RedisUnixConformance,
                            [] { return std::make_unique<UnixSocketFixture>(); });
LEASELOCK_LINK_CONFORMANCE_SUITE(RedisUnixLink,
                                 [] { return std::make_unique<UnixSocketFixture>(); });

LEASELOCK_CONFORMANCE_SUITE(RedisAclConformance,
                            [] { return std::make_unique<LeastPrivilegeFixture>(); });
LEASELOCK_LINK_CONFORMANCE_SUITE(RedisAclLink,
                                 [] { return std::make_unique<LeastPrivilegeFixture>(); });

}  // namespace
}  // namespace leaselock::testing

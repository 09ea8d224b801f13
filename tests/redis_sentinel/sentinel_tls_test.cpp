// Goal: rediss+sentinel:// is TLS with Sentinels and servers, each of which must be the one that
// was meant. Method: a real server and a real Sentinel, with certificates of the test's own.
#include <fstream>
#include <gtest/gtest.h>
#include <optional>
#include <string>

#include <leaselock/redis.hpp>

#include "support/certificates.hpp"
#include "support/child_process.hpp"
#include "support/free_port.hpp"
#include "support/patient.hpp"
#include "support/poll_until.hpp"
#include "support/temp_dir.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::Certificates;

class SentinelTls : public ::testing::Test {
  protected:
    SentinelTls() {
        std::ofstream{config_} << "port 0\ntls-port " << port_ << "\nbind 127.0.0.1\ndir "
                               << directory_.path() << "\ntls-cert-file "
                               << Certificates::file("server.pem") << "\ntls-key-file "
                               << Certificates::file("server.key") << "\ntls-ca-cert-file "
                               << Certificates::file("ca.pem")
                               << "\ntls-auth-clients no\ntls-replication yes\n"
                               << "sentinel monitor mymaster 127.0.0.1 " << server_.port()
                               << " 1\n";
        sentinel_.emplace(std::vector<std::string>{"redis-server", config_, "--sentinel"},
                          support::ChildProcess::Options{.output = directory_.file("log")});
    }
    // Until the Sentinel is up.
    static std::error_code acquire(const std::string& url) {
        LockManager locks = connect(support::patient(url));
        std::error_code ec;
        (void)support::poll_until(
            [&] {
                const auto lock = locks.acquire("key", {}, ec);
                return ec != Errc::connect_failed;
            },
            60s);
        return ec;
    }
    [[nodiscard]] std::string url(const std::string& ca) const {
        return "rediss+sentinel://127.0.0.1:" + std::to_string(port_) +
               "/mymaster?ca_file=" + Certificates::file(ca);
    }

    support::TempDir directory_;
    const std::string config_ = directory_.file("sentinel.conf");
    const std::uint16_t port_ = support::free_port();
    support::TlsServer server_;
    std::optional<support::ChildProcess> sentinel_;
};

TEST_F(SentinelTls, SentinelsAndServersAreTrustedAlike) {
    EXPECT_FALSE(acquire(url("ca.pem"))) << acquire(url("ca.pem")).message();
    EXPECT_EQ(acquire(url("other-ca.pem")), Errc::tls_failed);
}

}  // namespace
}  // namespace leaselock

// An authority of the test's own and what it signed, made by the openssl command when first asked
// for; the files go with the test program. Names of files:
//
//   ca.pem other-ca.pem                      two authorities
//   server.pem server.key                    for localhost, 127.0.0.1 and fe80::1, by ca
//   elsewhere.pem elsewhere.key              for elsewhere.example, by ca
//   expired.pem expired.key                  as server, over since yesterday
//   client.pem client.key                    a client's, by ca
//   locked.key                               client.key, with a passphrase
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/free_port.hpp"
#include "support/patient.hpp"
#include "support/redis_server.hpp"
#include "support/temp_dir.hpp"

namespace leaselock::support {

class Certificates {
  public:
    // The path of one of them. Throws std::runtime_error if openssl fails.
    [[nodiscard]] static std::string file(const std::string& name);

  private:
    Certificates();
    void authority(const std::string& name) const;
    void sign(const std::string& name, const std::string& alt_names, int days) const;

    TempDir directory_;
};

// The arguments of a redis-server to speak TLS on that port, with the certificate of that name.
[[nodiscard]] inline std::vector<std::string> tls_arguments(std::uint16_t port,
                                                            const std::string& certificate) {
    return {"--tls-port",         std::to_string(port),
            "--tls-cert-file",    Certificates::file(certificate + ".pem"),
            "--tls-key-file",     Certificates::file(certificate + ".key"),
            "--tls-ca-cert-file", Certificates::file("ca.pem"),
            "--tls-auth-clients", "no"};
}

// A real redis-server that speaks TLS on one port and plain RESP on another.
class TlsServer {
  public:
    // With the certificate of that name, and further arguments.
    explicit TlsServer(const std::string& certificate = "server",
                       const std::vector<std::string>& more = {})
        : server_{joined(tls_arguments(port_, certificate), more)} {}

    [[nodiscard]] RedisServer& plain() noexcept { return server_; }
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] std::string url(const std::string& host = "localhost",
                                  const std::string& ca = "ca.pem") const {
        return patient("rediss://" + host + ':' + std::to_string(port_) +
                       "?ca_file=" + Certificates::file(ca));
    }

  private:
    [[nodiscard]] static std::vector<std::string> joined(std::vector<std::string> first,
                                                         const std::vector<std::string>& second) {
        first.insert(first.end(), second.begin(), second.end());
        return first;
    }

    const std::uint16_t port_ = free_port();
    RedisServer server_;
};

}  // namespace leaselock::support

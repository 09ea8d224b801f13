#include "support/certificates.hpp"

#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace leaselock::support {
namespace {

constexpr const char* curve = " -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes ";

void run(const std::string& command) {
    const std::string quiet = "openssl " + command + " >/dev/null 2>&1";
    if (std::system(quiet.c_str()) != 0) throw std::runtime_error("failed: openssl " + command);
}

}  // namespace

std::string Certificates::file(const std::string& name) {
    static const Certificates all;
    return all.directory_.file(name);
}

Certificates::Certificates() {
    constexpr int a_day = 1;
    authority("ca");
    authority("other-ca");
    sign("server", "DNS:localhost,IP:127.0.0.1,IP:fe80::1", a_day);
    sign("elsewhere", "DNS:elsewhere.example", a_day);
    sign("expired", "DNS:localhost,IP:127.0.0.1", -a_day);
    sign("client", "DNS:client", a_day);
    run("pkey -in " + directory_.file("client.key") + " -aes256 -passout pass:sesame -out " +
        directory_.file("locked.key"));
}

void Certificates::authority(const std::string& name) const {
    const std::string path = directory_.file(name);
    run("req -x509 -days 1 -subj /CN=" + name + curve + "-keyout " + path + ".key -out " + path +
        ".pem");
}

void Certificates::sign(const std::string& name, const std::string& alt_names, int days) const {
    const std::string path = directory_.file(name);
    const std::string authority = directory_.file("ca");
    std::ofstream{path + ".ext"} << "subjectAltName=" << alt_names << '\n';
    run("req -new -subj /CN=" + name + curve + "-keyout " + path + ".key -out " + path + ".csr");
    run("x509 -req -in " + path + ".csr -CA " + authority + ".pem -CAkey " + authority +
        ".key -CAcreateserial -days " + std::to_string(days) + " -extfile " + path + ".ext -out " +
        path + ".pem");
}

}  // namespace leaselock::support

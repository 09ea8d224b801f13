// Stands in for tls.cpp in a build without OpenSSL. No context can be made, so no session either.
#include <utility>

#include <leaselock/error.hpp>

#include "wire/tls.hpp"

namespace leaselock::wire {

void TlsContext::Free::operator()(ssl_ctx_st* /*raw*/) const noexcept {}
void Tls::Free::operator()(ssl_st* /*raw*/) const noexcept {}

TlsContext::TlsContext(TlsSettings settings) : settings_{std::move(settings)} {
    throw LockError(Errc::invalid_url,
                    "URL scheme '" + std::string(settings_.plain_scheme) +
                        "s' needs TLS, which is not built in; build leaselock with "
                        "-DLEASELOCK_WITH_TLS=ON; allowed: " +
                        std::string(settings_.plain_scheme) + "://...");
}

Tls::Tls(std::shared_ptr<const TlsContext> context, const std::string& /*host*/)
    : context_{std::move(context)} {}

Tls::Handshake Tls::handshake(std::string_view /*came*/, std::string& why) {
    why = "TLS is not built in";
    return Handshake::failed;
}

bool Tls::encrypt(std::string_view /*plain*/, std::string& /*out*/) { return false; }

bool Tls::decrypt(std::string_view /*came*/, Sink& /*sink*/) noexcept { return false; }

bool Tls::has_partial() noexcept { return false; }

std::string Tls::take_output() { return {}; }

std::string Tls::fault() { return {}; }

}  // namespace leaselock::wire

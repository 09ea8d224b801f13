#include "redis/session.hpp"

#include <optional>

namespace leaselock::redis {
namespace {

// Who we are now; empty: the callback threw. What it threw may hold a secret.
std::optional<Credentials> credentials_of(const LinkSettings& settings) {
    if (settings.ask_credentials == nullptr) return settings.credentials;
    try {
        return settings.ask_credentials();
    } catch (...) {
        return std::nullopt;
    }
}

}  // namespace

std::error_code open_session(wire::Connection& connection, const LinkSettings& settings,
                             const Clock& clock, Clock::time_point until, std::int64_t& server_time,
                             std::string& why) {
    if (const std::error_code error = connection.open(settings.endpoint, until, why)) return error;
    const std::optional<Credentials> who = credentials_of(settings);
    if (!who || clock.now() >= until) {
        why = !who ? "the credentials callback threw" : "no time is left for the login";
        return Errc::connect_failed;
    }
    const std::error_code error = log_in(connection, *who, until, server_time, why);
    const bool no_word = settings.endpoint.tls == nullptr && !connection.has_heard();
    if (error != Errc::connect_failed || !no_word) return error;
    if (!speaks_tls(connection, settings.endpoint, until)) return error;
    why = connection.tls_fault();
    return Errc::tls_failed;
}

}  // namespace leaselock::redis

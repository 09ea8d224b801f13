#include "redis/session.hpp"

#include <fmt/format.h>
#include <optional>

namespace leaselock::redis {
namespace {

// Who we are now; empty: the callback threw. What it threw may hold a secret.
std::optional<Credentials> credentials_of(const ConnectionSettings& settings) {
    if (settings.ask_credentials == nullptr) return settings.credentials;
    try {
        return settings.ask_credentials();
    } catch (...) {
        return std::nullopt;
    }
}

}  // namespace

std::error_code open_session(wire::Connection& connection, const ConnectionSettings& settings,
                             const Clock& clock, Clock::time_point until, std::int64_t& server_time,
                             std::string& why) {
    wire::Endpoint where = settings.endpoint;
    if (settings.locator != nullptr) {
        const std::error_code error = settings.locator->locate(connection, where, until, why);
        if (error) return error;
    }
    if (const std::error_code error = connection.open(where, until, why)) return error;
    const std::optional<Credentials> who = credentials_of(settings);
    if (!who || clock.now() >= until) {
        why = !who ? "the credentials callback threw" : "no time is left for the login";
        return Errc::connect_failed;
    }
    const std::error_code error = log_in(connection, *who, until, server_time, why);
    if (!error && settings.locator != nullptr) {
        return settings.locator->confirm(connection, where, until, why);
    }
    return tls_or(error, connection, where, until, why);
}

wire::RespValue receive_answer(wire::Connection& connection, const ConnectionSettings& settings,
                               Clock::time_point until) {
    const auto fail = [&](Errc error, const char* why) {
        throw LockError(error, fmt::format("{}: {}", settings.name, why));
    };
    wire::RespValue answer;
    switch (connection.receive(answer, until)) {
        case wire::Received::reply: break;
        case wire::Received::timed_out:
            fail(Errc::command_timed_out, "no answer within the command time-out");
            break;
        case wire::Received::closed:
            fail(Errc::connection_lost, "the connection broke before the answer");
            break;
        case wire::Received::malformed: fail(Errc::protocol_error, "the answer is not RESP"); break;
    }
    return answer;
}

}  // namespace leaselock::redis

#include "redis/sentinel_client.hpp"

#include <array>

#include <leaselock/error.hpp>

#include "redis/codec.hpp"
#include "wire/command.hpp"

namespace leaselock::redis {
namespace {

const char* why_nothing_came(wire::Received received) noexcept {
    switch (received) {
        case wire::Received::timed_out: return "no answer in time";
        case wire::Received::malformed: return "it does not speak RESP";
        default: return "it ended the connection";
    }
}

}  // namespace

wire::Endpoint endpoint_of(const SentinelSettings& settings, const wire::HostPort& where) {
    return {.host = where.host,
            .port = where.port,
            .unix_path = {},
            .tls = settings.tls,
            .tls_scheme = sentinel_tls_scheme};
}

std::error_code ask_sentinel(wire::Connection& connection, const SentinelSettings& settings,
                             std::size_t number, Clock::time_point until, NamedMaster& master,
                             std::string& why) {
    const wire::Endpoint endpoint = endpoint_of(settings, settings.sentinels.at(number));
    const bool is_new = !connection.is_open();
    const Credentials nobody;
    if (is_new) {
        if (const auto error = connection.open(endpoint, until, why)) return error;
    }
    const Credentials& who = is_new ? settings.credentials : nobody;
    std::string out;
    append_question(out, who, settings.master);
    (void)connection.send(out, until);  // if that fails, so does the first answer
    SentinelAnswers answers{who};
    for (bool more = true; more;) {
        wire::RespValue answer;
        const wire::Received received = connection.receive(answer, until);
        if (received != wire::Received::reply) {
            const std::error_code error =
                tls_or(unheard(connection, received, why), connection, endpoint, until, why);
            connection.close();
            why.insert(0, wire::describe(endpoint).append(": "));
            return error;
        }
        more = answers.take(answer);
    }
    if (!answers.error()) {
        master = answers.master();
        return {};
    }
    connection.close();
    why = wire::describe(endpoint) + ": " + answers.why();
    return answers.error();
}

std::string id_of_sentinel(wire::Connection& connection, Clock::time_point until) {
    std::string out;
    wire::append_command(out, std::array<std::string_view, 2>{"SENTINEL", "MYID"});
    (void)connection.send(out, until);  // if that fails, so does the answer
    wire::RespValue answer;
    if (connection.receive(answer, until) != wire::Received::reply || answer.is_error()) return {};
    return std::string{answer.text()};
}

std::error_code listen_to_sentinel(wire::Connection& connection, const SentinelSettings& settings,
                                   std::size_t number, Clock::time_point until) {
    std::string why;
    const wire::Endpoint endpoint = endpoint_of(settings, settings.sentinels.at(number));
    if (const auto error = connection.open(endpoint, until, why)) return error;
    std::string out;
    append_subscription(out, settings.credentials);
    (void)connection.send(out, until);
    wire::RespValue answer;
    const std::size_t answers = settings.credentials.password.empty() ? 1 : 2;
    for (std::size_t i = 0; i < answers; ++i) {
        const wire::Received received = connection.receive(answer, until);
        if (received != wire::Received::reply) return unheard(connection, received, why);
        if (answer.is_error()) return classify(answer.text());
    }
    return {};
}

std::error_code unheard(const wire::Connection& connection, wire::Received received,
                        std::string& why) {
    why = connection.tls_fault();
    if (!why.empty()) return Errc::tls_failed;
    why = why_nothing_came(received);
    return Errc::connect_failed;
}

}  // namespace leaselock::redis

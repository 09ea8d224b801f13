#include "redis/login.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "redis/codec.hpp"
#include "wire/command.hpp"

namespace leaselock::redis {
namespace {

enum class LoginStep { auth, select, time };

constexpr std::string_view maybe_a_sentinel =
    "; if it is a Sentinel, its URL begins with redis+sentinel:// or rediss+sentinel://";

std::vector<LoginStep> write_steps(std::string& out, const Credentials& who) {
    std::vector<LoginStep> steps;
    if (!who.password.empty()) {
        const std::array<std::string_view, 3> auth{
            "AUTH", who.username.empty() ? std::string_view{"default"} : who.username,
            who.password};
        wire::append_command(out, auth);
        steps.push_back(LoginStep::auth);
    }
    if (who.database != 0) {
        const std::string number = std::to_string(who.database);
        wire::append_command(out, std::array<std::string_view, 2>{"SELECT", number});
        steps.push_back(LoginStep::select);
    }
    wire::append_command(out, std::array<std::string_view, 1>{"TIME"});
    steps.push_back(LoginStep::time);
    return steps;
}

// What an error to a step means; nothing has happened in any case.
Errc meaning(LoginStep step, std::string_view text) noexcept {
    const Errc error = classify(text);
    if (error != Errc::unexpected_reply) return error;
    if (step == LoginStep::auth) return Errc::authentication_failed;
    return step == LoginStep::select ? Errc::invalid_url : Errc::connect_failed;
}

// What the server said; of its words to AUTH the first alone, since it may repeat any part of what
// it was sent.
std::string shown(LoginStep step, std::string_view error, std::string_view password) {
    if (step != LoginStep::auth) return quote(error);
    const std::string_view code = error.substr(0, error.find(' '));
    const bool is_code =
        code.size() <= 20 && password.find(code) == std::string_view::npos &&
        std::all_of(code.begin(), code.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    return "the server refused the login" + (is_code ? ": " + std::string(code) : "");
}

bool is_ok(wire::RespView answer) noexcept {
    return answer.type() == wire::RespView::Type::status && answer.text() == "OK";
}

// What the server gives as its time, in microseconds; 0 if it is none.
std::int64_t time_of(wire::RespView answer) noexcept {
    const std::int64_t seconds = whole_number(answer.at(0).text());
    const std::int64_t us = whole_number(answer.at(1).text());
    constexpr std::int64_t a_second = 1'000'000;
    const bool is_time = answer.size() == 2 && seconds > 0 && seconds < no_limit / a_second &&
                         us >= 0 && us < a_second;
    return is_time ? seconds * a_second + us : 0;
}

// Why there was no answer.
const char* reason_of_silence(wire::Received received, bool was_sent) noexcept {
    if (!was_sent) return "the connection broke while logging in";
    if (received == wire::Received::timed_out) return "the server did not answer while logging in";
    if (received == wire::Received::malformed) return "the server does not speak RESP";
    return "the server ended the connection while logging in";
}

}  // namespace

std::error_code log_in(wire::Connection& connection, const Credentials& credentials,
                       Clock::time_point until, std::int64_t& server_time, std::string& why) {
    std::string out;
    const std::vector<LoginStep> steps = write_steps(out, credentials);
    // A server that sends its clients away says why before it closes, so the answer is read even if
    // nothing could be sent.
    const bool was_sent = !connection.send(out, until).error;
    wire::RespValue answer;
    for (const LoginStep step : steps) {
        const wire::Received received = connection.receive(answer, until);
        if (received != wire::Received::reply) {
            why = connection.tls_fault();
            if (!why.empty()) return Errc::tls_failed;
            why = reason_of_silence(received, was_sent);
            return Errc::connect_failed;
        }
        if (answer.is_error()) {
            why = shown(step, answer.text(), credentials.password);
            const Errc error = meaning(step, answer.text());
            if (step == LoginStep::time && error == Errc::not_supported) why += maybe_a_sentinel;
            return error;
        }
        if (step != LoginStep::time && !is_ok(answer)) {
            why = "the server does not answer a login as a Redis does";
            return Errc::connect_failed;
        }
    }
    server_time = time_of(answer);
    if (server_time != 0) return {};
    why = "the server does not tell its time, so it is no Redis";
    return Errc::connect_failed;
}

std::error_code tls_or(std::error_code error, wire::Connection& connection,
                       const wire::Endpoint& where, Clock::time_point until, std::string& why) {
    const bool no_word = where.tls == nullptr && !connection.has_heard();
    if (error != Errc::connect_failed || !no_word) return error;
    if (!connection.finds_tls(where, until)) return error;
    why = connection.tls_fault();
    return Errc::tls_failed;
}

}  // namespace leaselock::redis

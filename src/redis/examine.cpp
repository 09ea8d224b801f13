#include "redis/examine.hpp"

#include <algorithm>
#include <array>
#include <fmt/core.h>

#include "redis/codec.hpp"
#include "redis/info.hpp"
#include "redis/session.hpp"
#include "wire/command.hpp"
#include "wire/connection.hpp"

namespace leaselock::redis {
namespace {

using std::chrono::microseconds;
using Severity = Finding::Severity;

[[noreturn]] void give_up(const LinkSettings& settings, std::error_code error,
                          std::string_view why) {
    throw LockError(error, fmt::format("check of {}: {}", settings.name, why));
}

microseconds wall_clock() {
    return std::chrono::duration_cast<microseconds>(
        std::chrono::system_clock::now().time_since_epoch());
}

// The server told its time between `before` and `after`, so only what lies outside is certain.
void judge_clock(microseconds server, microseconds before, microseconds after,
                 std::vector<Finding>& findings) {
    constexpr std::chrono::seconds worth_a_word{5};
    const bool ahead = server > after;
    const microseconds offset = ahead ? server - after : before - server;
    if (offset < worth_a_word) return;
    findings.push_back(
        {Severity::hint, "clock",
         fmt::format("the server's is {} s {} this host's",
                     std::chrono::duration_cast<std::chrono::seconds>(offset).count(),
                     ahead ? "ahead of" : "behind"),
         "no lock depends on the difference; but one of the two is wrong, and if the server's is "
         "stepped, locks end early or late: let NTP slew it"});
}

// False: this user cannot even log in, which is said.
bool log_in(wire::Connection& connection, const LinkSettings& settings, const Clock& clock,
            Clock::time_point until, std::vector<Finding>& findings) {
    std::string why;
    std::int64_t server_time = 0;
    const microseconds before = wall_clock();
    const std::error_code error =
        open_session(connection, settings, clock, until, server_time, why);
    const microseconds after = wall_clock();
    if (!error) {
        judge_clock(microseconds{server_time}, before, after, findings);
    } else if (error == Errc::access_denied) {
        findings.push_back({Severity::problem, "login", why,
                            "give this user the rights to TIME, and to SELECT for a database "
                            "other than 0"});
    } else {
        give_up(settings, error, why);
    }
    return !error;
}

wire::Reply next(wire::Connection& connection, const LinkSettings& settings,
                 Clock::time_point until) {
    wire::Reply answer;
    switch (connection.receive(answer, until)) {
        case wire::Received::reply: break;
        case wire::Received::timed_out:
            give_up(settings, Errc::command_timed_out, "no answer within the command time-out");
        case wire::Received::closed:
            give_up(settings, Errc::connection_lost, "the connection broke before the answer");
        case wire::Received::malformed:
            give_up(settings, Errc::protocol_error, "the answer is not RESP");
    }
    return answer;
}

// EVAL is asked for by itself, since the dry run does not need it where somebody else has given the
// server the scripts already.
void ask(wire::Connection& connection, const LinkSettings& settings, Clock::time_point until,
         std::vector<Finding>& findings) {
    std::string out;
    wire::append_command(out, std::array<std::string_view, 1>{"INFO"});
    wire::append_command(out, std::array<std::string_view, 3>{"EVAL", "return 1", "0"});
    (void)connection.send(out, until);  // if that fails, so does the first answer
    const wire::Reply info = next(connection, settings, until);
    if (info.is_error()) {
        findings.push_back({Severity::hint, "info", quote(info.text()),
                            "give this user +info for as long as you check; what it tells is not "
                            "looked at without"});
    } else {
        judge_info(info.text(), findings);
    }
    const wire::Reply evaluated = next(connection, settings, until);
    if (evaluated.is_error()) {
        findings.push_back({Severity::problem, "eval", quote(evaluated.text()),
                            "give this user +eval: a server that was restarted needs the scripts"});
    }
}

}  // namespace

void examine(const LinkSettings& settings, const std::shared_ptr<Clock>& clock,
             std::vector<Finding>& findings) {
    wire::Connection connection{clock};
    const Clock::time_point now = clock->now();
    const Clock::time_point until = detail::saturating_add(now, settings.command_timeout);
    const Clock::time_point connected =
        detail::saturating_add(now, std::min(settings.connect_timeout, settings.command_timeout));
    if (log_in(connection, settings, *clock, connected, findings)) {
        ask(connection, settings, until, findings);
    }
}

}  // namespace leaselock::redis

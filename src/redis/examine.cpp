#include "redis/examine.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <string>
#include <string_view>

#include "redis/codec.hpp"
#include "redis/hand_off_subscriber.hpp"
#include "redis/info.hpp"
#include "redis/session.hpp"
#include "wire/command.hpp"
#include "wire/connection.hpp"

namespace leaselock::redis {
namespace {

using std::chrono::microseconds;
using Severity = Finding::Severity;
using Type = wire::RespView::Type;

[[noreturn]] void give_up(const ConnectionSettings& settings, std::error_code error,
                          std::string_view why) {
    throw LockError(error, fmt::format("check of {}: {}", settings.name, why));
}

microseconds wall_clock() {
    return std::chrono::duration_cast<microseconds>(
        std::chrono::system_clock::now().time_since_epoch());
}

// The server read its clock between `before` and `after`, so only what lies outside is certain.
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
bool log_in(wire::Connection& connection, const ConnectionSettings& settings, const Clock& clock,
            Clock::time_point until, std::vector<Finding>& findings) {
    std::string why;
    std::int64_t server_time = 0;
    const microseconds before = wall_clock();
    const std::error_code error =
        open_session(connection, settings, clock, until, server_time, why);
    const microseconds after = wall_clock();
    if (!error) {
        judge_clock(microseconds{server_time}, before, after, findings);
    } else if (error == Errc::access_denied || error == Errc::not_supported) {
        findings.push_back({Severity::problem, "login", error.message() + ": " + why,
                            "let this user have TIME, and SELECT for a database other than 0"});
    } else {
        give_up(settings, error, why);
    }
    return !error;
}

// What is asked, what an answer looks like, and what there is to say if it is refused.
struct Question {
    std::vector<std::string_view> words;
    wire::RespView::Type answer;
    Severity severity;
    std::string_view subject;
    std::string_view advice;
};

// EVAL is asked for by itself, since the self-check does not need it where somebody else has given
// the server the scripts already; ASKING, since it is needed only while a slot moves; and the
// channel, since nothing fails without it. SUBSCRIBE comes last: the connection can do nothing else
// after it.
std::vector<Question> questions(std::string_view channel, bool in_cluster) {
    constexpr std::string_view telling =
        "give this user +subscribe, +publish, +pubsub|numsub and &leaselock:*; without, waiters "
        "find out by looking that a lock was handed over to them, which takes longer";
    std::vector<Question> all{
        {{"INFO"},
         Type::string,
         Severity::hint,
         "info",
         "give this user +info for as long as you check; what it says is not checked without"},
        {{"EVAL", "return 1", "0"},
         Type::integer,
         Severity::problem,
         "eval",
         "give this user +eval: a server that was restarted needs the scripts"},
        {{"PUBLISH", channel, ""}, Type::integer, Severity::hint, "publish", telling},
        {{"PUBSUB", "NUMSUB", channel}, Type::array, Severity::hint, "pubsub", telling},
        {{"SUBSCRIBE", channel}, Type::array, Severity::hint, "subscribe", telling}};
    if (in_cluster) {
        all.insert(all.begin(), {{"ASKING"},
                                 Type::status,
                                 Severity::problem,
                                 "asking",
                                 "give this user +asking: without, locks of a slot that moves are "
                                 "refused"});
    }
    return all;
}

void ask(wire::Connection& connection, const ConnectionSettings& settings, Clock::time_point until,
         std::vector<Finding>& findings) {
    const std::string channel = new_channel();
    const std::vector<Question> all = questions(channel, settings.in_cluster);
    std::string out;
    for (const Question& question : all) wire::append_command(out, question.words);
    (void)connection.send(out, until);  // if that fails, so does the first answer
    for (const Question& question : all) {
        const wire::RespValue answer = receive_answer(connection, settings, until);
        if (answer.is_error()) {
            findings.push_back({question.severity, std::string{question.subject},
                                quote(answer.text()), std::string{question.advice}});
        } else if (answer.type() != question.answer) {
            give_up(settings, Errc::protocol_error,
                    fmt::format("the answer is none that {} has", question.words.front()));
        } else if (question.subject == "info") {
            judge_info(answer.text(), settings.wait_replicas, findings);
        }
    }
}

}  // namespace

void examine(const ConnectionSettings& settings, const std::shared_ptr<Clock>& clock,
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

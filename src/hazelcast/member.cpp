#include "hazelcast/member.hpp"

#include <fmt/format.h>
#include <random>

#include <leaselock/error.hpp>
#include <leaselock/printable.hpp>

#include "wire/socket.hpp"

namespace leaselock::hazelcast {
namespace {

Uuid random_uuid() {
    std::random_device random;
    const auto bits = [&] { return std::uint64_t{random()} << 32U | random(); };
    return {bits(), bits()};
}

std::string hello(const Settings& settings) {
    std::string out{greeting};
    ask_authenticate(out, 0,
                     {.client = random_uuid(),
                      .cluster = settings.cluster,
                      .user = settings.username,
                      .password = settings.password,
                      .name = "leaselock"});
    return out;
}

// What the answer means; empty: we are in.
std::string refusal(const Authenticated& answer, const Settings& settings) {
    using Status = Authenticated::Status;
    switch (answer.status) {
        case Status::ok: return {};
        case Status::bad_credentials:
            return fmt::format("the member refuses us: its cluster is not named '{}'{}",
                               settings.cluster,
                               settings.username.empty() ? "" : ", or user or password are wrong");
        case Status::bad_version: return "the member does not speak our version of the protocol";
        case Status::not_allowed: break;
    }
    return "the member's cluster does not let clients in";
}

// Of a connection that was closed at our authentication.
std::error_code reason_of_end(MemberStream& stream, const wire::Endpoint& endpoint,
                              Clock::time_point until, std::string& why) {
    const bool may_speak_tls = endpoint.tls == nullptr && !stream.has_heard();
    if (may_speak_tls) (void)stream.finds_tls(endpoint, until);
    why = stream.tls_fault();
    if (!why.empty()) return Errc::tls_failed;
    why = "the connection was closed at our authentication: is it a Hazelcast of 4.0 or later?";
    return Errc::connect_failed;
}

std::error_code judge(const Message& message, const Settings& settings, Greeted& greeted,
                      std::string& why) {
    if (is_error(message)) {
        const auto error = error_of(message);
        why =
            "the member refuses us: " + (error ? printable(error->text) : std::string{"no words"});
        // A member that comes up, or goes down, is none of the cluster yet, or any more.
        const bool is_final = error && (error->name == "AuthenticationException" ||
                                        error->name == "AccessControlException");
        return is_final ? Errc::authentication_failed : Errc::connect_failed;
    }
    const auto answer = authenticated_of(message);
    if (!answers(message, Ask::authenticate) || !answer) {
        why = "the answer to our authentication cannot be read";
        return Errc::protocol_error;
    }
    why = refusal(*answer, settings);
    if (!why.empty()) return Errc::authentication_failed;
    greeted = {answer->cluster, answer->version};
    return {};
}

}  // namespace

std::error_code greet(MemberStream& stream, const MemberAddress& member, const Settings& settings,
                      const Clock& clock, Clock::time_point until, Greeted& greeted,
                      std::string& why) {
    const wire::Endpoint endpoint{.host = member.host,
                                  .port = member.port,
                                  .unix_path = {},
                                  .tls = settings.tls,
                                  .tls_scheme = secure_scheme};
    if (const std::error_code error = stream.open(endpoint, until, why)) return error;
    std::error_code error = Errc::connect_failed;
    if (stream.send(hello(settings), until).error) {
        why = "the connection broke at our authentication";
    }
    Message message;
    while (why.empty()) {
        const Assembler::Result result = stream.next(message);
        if (result == Assembler::Result::message && message.is_event()) continue;
        if (result == Assembler::Result::message) {
            error = judge(message, settings, greeted, why);
            break;
        }
        const Clock::duration left = wire::time_left(clock, until);
        if (result == Assembler::Result::malformed) {
            error = Errc::not_supported;
            why = "what answers there does not speak Hazelcast's protocol";
        } else if (left == Clock::duration::zero()) {
            why = "no answer to our authentication: is it a Hazelcast of 4.0 or later?";
        } else if (stream.has_ended() || stream.read(left) == wire::Received::closed) {
            error = reason_of_end(stream, endpoint, until, why);
        }
    }
    if (!why.empty()) why = fmt::format("{}: {}", wire::describe(endpoint), why);
    return error;
}

}  // namespace leaselock::hazelcast

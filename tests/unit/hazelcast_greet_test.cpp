// Goal: a member that refuses us at our authentication is said in words of its own, each with the
// error that people can act on, and never with the password. Method: servers that answer as a
// member does, with each status of the protocol and with exceptions.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "hazelcast/member.hpp"
#include "support/scripted_peer.hpp"

namespace leaselock::hazelcast {
namespace {

constexpr std::uint64_t greeting_call = 0;  // our authentication is the first call

std::string greet_number(std::uint64_t value, std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += static_cast<char>(value >> (8 * i));
    return out;
}

// The first frame of an answer, with its fixed parameters.
std::string greet_frame(std::uint32_t type, const std::string& numbers) {
    const std::string content =
        greet_number(type, 4) + greet_number(greeting_call, 8) + '\0' + numbers;
    return greet_number(frame_head + content.size(), 4) + greet_number(flag::unfragmented, 2) +
           content;
}

// The frames that follow.
template <class Write>
std::string greet_rest(const Write& write) {
    std::string bytes;
    Writer writer{bytes, 0, 0};
    const std::size_t first = bytes.size();
    write(writer);
    writer.finish();
    return bytes.substr(first);
}

std::string status_answer(char status) {
    const std::string numbers =
        status + std::string(17, '\1') + '\1' + std::string(4, '\0') + std::string(17, '\1') + '\0';
    return greet_frame(0x000101, numbers) + greet_rest([](Writer& out) { out.null().null(); });
}

std::string exception_answer(std::string_view name, std::string_view text) {
    return greet_frame(0, {}) + greet_rest([&](Writer& out) {
               out.begin().begin().frame(0).number(1, 4).text(name).text(text);
               out.begin().end().end().end();
           });
}

struct Refusal {
    std::string answer;
    std::string user;
    Errc error;
    std::string words;
};

TEST(HazelcastGreet, EachRefusalIsSaidInItsOwnWords) {
    const std::vector<Refusal> rows{
        {status_answer(1), "me", Errc::authentication_failed,
         "the member refuses us: its cluster is not named 'dev', or user or password are wrong"},
        {status_answer(1), "", Errc::authentication_failed,
         "the member refuses us: its cluster is not named 'dev'"},
        {status_answer(2), "me", Errc::authentication_failed,
         "the member does not speak our version of the protocol"},
        {status_answer(3), "me", Errc::authentication_failed,
         "the member's cluster does not let clients in"},
        {exception_answer("com.hazelcast.client.AuthenticationException", "no such user"), "me",
         Errc::authentication_failed, "the member refuses us: no such user"},
        {exception_answer("java.security.AccessControlException", "not allowed"), "me",
         Errc::authentication_failed, "the member refuses us: not allowed"},
        {exception_answer("com.hazelcast.core.HazelcastInstanceNotActiveException", "it ends"),
         "me", Errc::connect_failed, "the member refuses us: it ends"},
        {greet_frame(0x000301, {}) + greet_rest([](Writer& out) { out.null(); }), "me",
         Errc::protocol_error, "the answer to our authentication cannot be read"},
    };
    const std::shared_ptr<Clock> clock = boot_clock();
    for (const Refusal& row : rows) {
        support::ScriptedPeer peer;
        peer.on_connect([&] { return support::Answer::reply(row.answer); });
        Settings settings;
        settings.cluster = "dev";
        settings.username = row.user;
        settings.password = row.user.empty() ? "" : "secret";
        MemberStream stream{clock};
        Greeted greeted;
        std::string why;
        const std::error_code error = greet(stream, {"127.0.0.1", peer.port()}, settings, *clock,
                                            clock->now() + std::chrono::minutes{1}, greeted, why);
        EXPECT_EQ(error, row.error) << row.words;
        EXPECT_EQ(why, wire::describe(peer.endpoint()) + ": " + row.words);
    }
}

}  // namespace
}  // namespace leaselock::hazelcast

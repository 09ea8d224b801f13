// What the tests of a channel share: its settings, and an operation with what it looks at.
//
// Thread-safety: as CommandChannel says; a Call is for one thread.
#pragma once

#include <gtest/gtest.h>
#include <string>
#include <string_view>

#include "redis/command_channel.hpp"

namespace leaselock::redis {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

inline constexpr milliseconds soon = 50ms;
inline constexpr milliseconds enough = 10s;

[[nodiscard]] inline ConnectionSettings settings(const wire::Endpoint& endpoint,
                                                 milliseconds command_timeout) {
    return {.endpoint = endpoint,
            .credentials = {},
            .name = "redis://peer",
            .connect_timeout = enough,
            .command_timeout = command_timeout};
}

// An operation with what it looks at.
struct Call {
    explicit Call(int number, Verb verb = Verb::acquire,
                  Clock::time_point deadline = Clock::time_point::max(),
                  std::string_view key = "key")
        : token("me/" + std::to_string(number)),
          operation{{.verb = verb,
                     .key = key,
                     .token = token,
                     .ttl = 30s,
                     .submitted = boot_clock()->now(),
                     .deadline = deadline}} {
        operation.submitter = Submitter::helps;
    }
    [[nodiscard]] const Reply& reply() const { return operation.reply; }

    std::string token;
    Operation operation;
};

inline void finish(CommandChannel& channel, Operation& operation) {
    const Clock::time_point until = operation.request.deadline;
    while (!operation.done() && boot_clock()->now() < until) (void)channel.help(operation, until);
    if (!operation.done()) channel.cancel(operation);
}
inline void finish(CommandChannel& channel, Call& call) { finish(channel, call.operation); }

inline void run(CommandChannel& channel, Call& call) {
    channel.submit(call.operation);
    finish(channel, call);
}

inline void expect_granted(const Call& call) {
    EXPECT_EQ(call.reply().outcome, Outcome::granted) << call.reply().detail;
    EXPECT_EQ("me/" + std::to_string(call.reply().fencing_token), call.token) << "not its answer";
}

// An acquire that is made and granted.
inline void expect_granted(CommandChannel& channel, int number) {
    Call call{number};
    run(channel, call);
    expect_granted(call);
}

inline void expect_failed(const Call& call, Errc error) {
    ASSERT_TRUE(call.operation.done());
    EXPECT_EQ(call.reply().outcome, Outcome::failed);
    EXPECT_EQ(call.reply().error, error) << make_error_code(call.reply().error).message();
    EXPECT_FALSE(call.reply().detail.empty());
}

}  // namespace leaselock::redis

// Goal: without memory an operation fails and nothing else: nobody waits for ever, no command is
// cut into two, what may have run is not called harmless, and the next operation works. Method:
// every allocation through operator new fails once, the n-th of a thread, for each n that is
// reached.
#include <array>
#include <cstddef>
#include <cstdlib>
#include <gtest/gtest.h>
#include <new>
#include <string>
#include <string_view>

#include "fault/lock_peer.hpp"
#include "redis/command_channel.hpp"
#include "wire/command.hpp"

namespace {

thread_local long allocations_left = -1;  // -1: as many as wanted

bool may_allocate(std::size_t /*size*/) noexcept {
    if (allocations_left < 0) return true;
    return --allocations_left >= 0;
}

}  // namespace

#include "support/failing_new.hpp"

namespace leaselock::redis {
namespace {

using namespace std::chrono_literals;
using support::Answer;
using support::Heard;
using support::LockPeer;

struct Call {
    explicit Call(Verb verb)
        : operation{{.verb = verb,
                     .key = "a-key-that-is-longer-than-a-short-string",
                     .token = "me/1",
                     .ttl = 30s,
                     .submitted = boot_clock()->now()}} {
        operation.submitter = Submitter::helps;
    }
    Operation operation;
};

void finish(CommandChannel& channel, Call& call) {
    while (!call.operation.done()) (void)channel.help(call.operation, Clock::time_point::max());
}

class RedisNoMemory : public ::testing::TestWithParam<Verb> {
  protected:
    RedisNoMemory() {
        lock_peer_.on_call([](const Heard& call) {
            if (!call.whole_script) return Answer::reply("-NOSCRIPT No matching script.\r\n");
            if (call.verb != Verb::inspect) return support::yes(call);
            return Answer::reply("*6\r\n:1\r\n$40\r\n" + std::string(40, 'h') +
                                 "\r\n:5\r\n:6\r\n:0\r\n:0\r\n");
        });
    }

    // Whether all went well with so many allocations.
    bool runs_with(long allocations, bool connected) {
        CommandChannel channel{{.endpoint = lock_peer_.peer().endpoint(),
                                .credentials = {},
                                .name = "a-name-that-is-longer-than-a-short-string",
                                .connect_timeout = 10s,
                                .command_timeout = 10s},
                               boot_clock()};
        if (connected) expect_success(channel);
        const std::size_t heard_before = lock_peer_.calls().size();
        Call call{GetParam()};
        allocations_left = allocations;
        channel.submit(call.operation);
        finish(channel, call);
        allocations_left = -1;
        const bool went_well = call.operation.reply.outcome != Outcome::failed;
        if (!went_well && family(call.operation.reply.error) == Family::unavailable) {
            expect_none_ran(heard_before);
        }
        expect_success(channel);
        return went_well;
    }

  private:
    void expect_success(CommandChannel& channel) {
        Call call{GetParam()};
        channel.submit(call.operation);
        finish(channel, call);
        EXPECT_NE(call.operation.reply.outcome, Outcome::failed) << call.operation.reply.detail;
    }
    void expect_none_ran(std::size_t heard_before) {
        const auto calls = lock_peer_.calls();
        for (std::size_t i = heard_before; i < calls.size(); ++i) {
            EXPECT_FALSE(calls[i].whole_script) << "it ran, and is called unavailable";
        }
    }

    LockPeer lock_peer_;
};

TEST_P(RedisNoMemory, FailsAloneWhileConnecting) {
    long n = 0;
    while (n < 1000 && !runs_with(n, false)) ++n;
    EXPECT_GT(n, 3) << "nothing was allocated";
    EXPECT_LT(n, 1000);
}

TEST_P(RedisNoMemory, FailsAloneOnAnOpenConnection) {
    long n = 0;
    while (n < 1000 && !runs_with(n, true)) ++n;
    EXPECT_GT(n, 0) << "nothing was allocated";
    EXPECT_LT(n, 1000);
}

// A half of a command would be read together with the next one.
TEST(CommandNoMemory, LeavesTheBufferAsItWas) {
    const std::string large(5'000, 'x');
    const std::array<std::string_view, 3> arguments{"a", large, large};
    const std::string before = "what was written before";
    for (long n = 0;; ++n) {
        ASSERT_LT(n, 100);
        std::string out = before;
        allocations_left = n;
        bool written = true;
        try {
            wire::append_command(out, arguments);
        } catch (const std::bad_alloc&) {
            written = false;
        }
        allocations_left = -1;
        if (written) {
            EXPECT_GT(n, 1) << "nothing was allocated";
            EXPECT_EQ(out.size(), before.size() + 4 + 7 + 2 * (7 + large.size() + 2));
            break;
        }
        ASSERT_EQ(out, before);
    }
}

TEST(OperationNoMemory, FailureIsToldWithoutItsText) {
    Call call{Verb::inspect};
    allocations_left = 0;
    call.operation.fail(Errc::busy, "a text that is longer than a short string can hold");
    allocations_left = -1;
    EXPECT_TRUE(call.operation.done());
    EXPECT_EQ(call.operation.reply.error, Errc::busy);
}

INSTANTIATE_TEST_SUITE_P(Verbs, RedisNoMemory,
                         ::testing::Values(Verb::acquire, Verb::release, Verb::inspect),
                         [](const auto& verb) {
                             return verb.param == Verb::acquire   ? "acquire"
                                    : verb.param == Verb::release ? "release"
                                                                  : "inspect";
                         });

}  // namespace
}  // namespace leaselock::redis

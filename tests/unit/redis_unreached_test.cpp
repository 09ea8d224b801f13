// Goal: a call without a connection in time says why there was none. Method: nobody listens at the
// port; the clock does not move, so the pause after the first attempt does not end, and what comes
// then can never be sent.
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include <leaselock/backend.hpp>
#include <leaselock/redis.hpp>
#include <leaselock/testing/manual_clock.hpp>

#include "support/free_port.hpp"
#include "support/poll_until.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

struct Server {
    std::string name;
    std::string scheme;
    std::string path;
    Errc in_the_pause;
};

class RedisUnreached : public ::testing::TestWithParam<Server> {
  protected:
    RedisUnreached() {
        const std::string port = std::to_string(support::free_port());
        backend =
            make_redis_backend({.url = GetParam().scheme + "://127.0.0.1:" + port + GetParam().path,
                                .command_timeout = 5ms,
                                .clock = clock});
    }

    [[nodiscard]] Operation acquire() const {
        return Operation{{.verb = Verb::acquire,
                          .key = "key",
                          .token = "me/1",
                          .ttl = 30s,
                          .submitted = clock->now()}};
    }
    static void expect_refused(const Operation& operation, Errc error) {
        EXPECT_EQ(operation.reply.outcome, Outcome::failed);
        EXPECT_EQ(operation.reply.error, error) << operation.reply.detail;
        EXPECT_NE(operation.reply.detail.find("Connection refused"), std::string::npos)
            << operation.reply.detail;
    }
    void fail_to_connect() {
        Operation first = acquire();
        backend->submit(first);
        ASSERT_TRUE(support::poll_until([&] { return first.done(); }));
        expect_refused(first, Errc::connect_failed);
    }

    const std::shared_ptr<testing::ManualClock> clock = std::make_shared<testing::ManualClock>();
    std::shared_ptr<Backend> backend;
};

TEST_P(RedisUnreached, CallThatIsCancelledInThePauseSaysWhyThereIsNoConnection) {
    fail_to_connect();
    Operation second = acquire();
    backend->submit(second);
    backend->cancel(second);
    ASSERT_TRUE(second.done());
    expect_refused(second, GetParam().in_the_pause);
}

TEST_P(RedisUnreached, CallWhoseTimeIsOverInThePauseSaysWhyThereIsNoConnection) {
    fail_to_connect();
    Operation second = acquire();
    backend->submit(second);
    clock->advance(5ms);
    ASSERT_TRUE(support::poll_until([&] { return second.done(); }));
    expect_refused(second, GetParam().in_the_pause);
}

INSTANTIATE_TEST_SUITE_P(
    Servers, RedisUnreached,
    ::testing::Values(Server{"Node", "redis", "", Errc::connect_failed},
                      Server{"Cluster", "redis+cluster", "", Errc::cluster_down},
                      Server{"Sentinel", "redis+sentinel", "/orders", Errc::connect_failed}),
    [](const auto& with) { return with.param.name; });

}  // namespace
}  // namespace leaselock

// Goal: of Sentinels that hang, that fail or that are reached by two names none holds anything up,
// and none hides what another one knows. Method: Sentinels of the test's own.
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "fault/sentinels_fixture.hpp"
#include "redis/sentinels.hpp"

namespace leaselock {
namespace {

using support::poll_until;

class SentinelDispute : public RedisSentinels {
  protected:
    // As for connections of a backend, but with nobody to watch the Sentinels meanwhile.
    [[nodiscard]] redis::Sentinels located_by_all() const {
        redis::SentinelSettings settings{
            .sentinels = {}, .master = support::ScriptedSentinel::name, .credentials = {}};
        for (const support::ScriptedSentinel& each : sentinels_) {
            settings.sentinels.push_back({.host = "127.0.0.1", .port = each.port()});
        }
        return redis::Sentinels{std::move(settings), boot_clock()};
    }
    std::error_code locate(redis::Sentinels& sentinels) {
        wire::Connection connection{boot_clock()};
        return sentinels.locate(connection, where_, boot_clock()->now() + support::long_timeout,
                                text_);
    }

    wire::Endpoint where_;
};

// It is asked twice, and has heard of a new master in between.
TEST_F(SentinelDispute, NewerAnswerByASecondNameIsBelieved) {
    sentinels_[1].is_also(sentinels_[0]);
    sentinels_[1].name_master(second_.port(), 2);
    LockManager locks = support::manager_on("redis+sentinel://" + sentinels_[0].host() + ',' +
                                            sentinels_[1].host() + "/mymaster");
    support::expect_works(locks);
    EXPECT_EQ(support::info(first_, "commandstats", "cmdstat_evalsha"), "");
}

TEST_F(SentinelDispute, OneThatFailedIsAskedLastTheNextTime) {
    sentinels_[0].name_master(0, 0);
    redis::Sentinels sentinels = located_by_all();
    EXPECT_FALSE(locate(sentinels));
    EXPECT_FALSE(locate(sentinels));
    EXPECT_EQ(sentinels_[0].questions(), 1) << "the others are more than half";
    EXPECT_EQ(sentinels_[2].questions(), 2);
}

// In the first moments after a fail-over one alone may know of it.
TEST_F(SentinelDispute, OneThatKnowsWhatMostDoNotKnowYetIsAskedToo) {
    redis::Sentinels sentinels = located_by_all();
    sentinels_[0].name_master(second_.port(), 2);
    EXPECT_FALSE(locate(sentinels));
    sentinels_[0].name_master(first_.port(), 1);
    sentinels_[2].name_master(second_.port(), 2);
    EXPECT_FALSE(locate(sentinels)) << text_;
    EXPECT_EQ(where_.port, second_.port());
}

// A connect that is under way is not waited for, and no Sentinel that it asks, either.
TEST_F(SentinelDispute, SentinelsThatHangDoNotHoldUpTheEndOfABackend) {
    for (support::ScriptedSentinel& each : sentinels_) {
        each.peer().on_command(
            [](const support::ScriptedPeer::Command&) { return support::Answer::silence(); });
    }
    auto backend = support::backend_on(url(), std::chrono::minutes{1});
    Operation operation{{.verb = Verb::acquire,
                         .key = "key",
                         .token = "me/1",
                         .ttl = std::chrono::seconds{60},
                         .submitted = boot_clock()->now()}};
    backend->submit(operation);
    ASSERT_TRUE(poll_until([&] { return !sentinels_[0].peer().commands().empty(); },
                           support::long_timeout));
    backend->cancel(operation);
    EXPECT_TRUE(operation.done());
    EXPECT_LT(support::time_of([&] { backend.reset(); }), std::chrono::seconds{20});
}

}  // namespace
}  // namespace leaselock

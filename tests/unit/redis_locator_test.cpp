// Goal: where the server is, is asked at each connect, and no command goes to a server that is not
// the one that is meant. Method: two peers, and a locator that gives, or refuses, what the test
// says.
#include <atomic>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fault/channel_call.hpp"
#include "fault/lock_peer.hpp"
#include "redis/command_channel.hpp"
#include "redis/locator.hpp"
#include "redis/server_nodes.hpp"
#include "support/poll_until.hpp"

namespace leaselock::redis {
namespace {

using support::Answer;
using support::LockPeer;
using support::poll_until;

class ByTurns final : public Locator {
  public:
    explicit ByTurns(std::function<wire::Endpoint(int)> nth) : nth_{std::move(nth)} {}

    std::error_code locate(wire::Connection& /*connection*/, wire::Endpoint& where,
                           Clock::time_point /*until*/, std::string& why) override {
        where = nth_(questions_++);
        if (!where.host.empty()) return {};
        why = "nobody knows where it is";
        return Errc::connect_failed;
    }
    std::error_code confirm(wire::Connection& connection, const wire::Endpoint& /*where*/,
                            Clock::time_point /*until*/, std::string& why) override {
        confirmed_on_ = connection.fd();
        if (!refuses_) return {};
        why = "it is a replica";
        return Errc::read_only;
    }

    void refuse(bool yes) { refuses_ = yes; }
    [[nodiscard]] int questions() const { return questions_; }
    [[nodiscard]] int confirmed_on() const { return confirmed_on_; }

  private:
    const std::function<wire::Endpoint(int)> nth_;
    std::atomic<int> questions_{0};
    std::atomic<int> confirmed_on_{-1};
    std::atomic<bool> refuses_{false};
};

class RedisLocator : public ::testing::Test {
  protected:
    // The first question gets the old server, each later one the new one.
    const std::shared_ptr<ByTurns> locator_ = std::make_shared<ByTurns>(
        [this](int n) { return (n == 0 ? old_ : new_).peer().endpoint(); });

    [[nodiscard]] static ConnectionSettings asking(std::shared_ptr<Locator> locator) {
        ConnectionSettings found = settings({"host.invalid", 1, {}}, enough);
        found.locator = std::move(locator);
        return found;
    }

    LockPeer old_;
    LockPeer new_;
};

TEST_F(RedisLocator, EachConnectAsksAgainWhereTheServerIs) {
    CommandChannel channel{asking(locator_), boot_clock()};
    Call first{1};
    run(channel, first);
    expect_granted(first);
    old_.script({Answer::close()});
    Call lost{2};
    run(channel, lost);
    expect_failed(lost, Errc::connection_lost);
    Call next{3};
    run(channel, next);
    expect_granted(next);
    EXPECT_EQ(locator_->questions(), 2);
    EXPECT_EQ(old_.calls().size(), 2U);
    EXPECT_EQ(new_.calls().size(), 1U);
}

TEST_F(RedisLocator, ReadonlyLeadsToANewQuestion) {
    CommandChannel channel{asking(locator_), boot_clock()};
    old_.script({Answer::reply("-READONLY You can't write against a read only replica.\r\n")});
    Call refused{1};
    run(channel, refused);
    expect_failed(refused, Errc::read_only);
    Call next{2};
    run(channel, next);
    expect_granted(next);
    EXPECT_EQ(new_.calls().size(), 1U);
}

TEST_F(RedisLocator, NoCommandGoesToAServerThatIsNotMeant) {
    locator_->refuse(true);
    CommandChannel channel{asking(locator_), boot_clock()};
    Call refused{1};
    run(channel, refused);
    expect_failed(refused, Errc::read_only);
    EXPECT_NE(refused.reply().detail.find("it is a replica"), std::string::npos);
    EXPECT_NE(locator_->confirmed_on(), -1);
    EXPECT_TRUE(old_.calls().empty());
    EXPECT_TRUE(poll_until([&] { return old_.peer().open_connections() == 0; }));
    locator_->refuse(false);
    Call next{2};
    run(channel, next);
    expect_granted(next);
    EXPECT_TRUE(old_.calls().empty());
}

TEST_F(RedisLocator, UnknownServerIsUnavailableAndSaysWhy) {
    const auto nowhere = std::make_shared<ByTurns>([](int) { return wire::Endpoint{}; });
    CommandChannel channel{asking(nowhere), boot_clock()};
    Call call{1};
    run(channel, call);
    expect_failed(call, Errc::connect_failed);
    EXPECT_NE(call.reply().detail.find("nobody knows where it is"), std::string::npos);
}

// Knows the server, and a replica of it.
class KnowsAReplica final : public Locator {
  public:
    explicit KnowsAReplica(wire::Endpoint where) : where_{std::move(where)} {}

    std::error_code locate(wire::Connection& /*connection*/, wire::Endpoint& where,
                           Clock::time_point /*until*/, std::string& /*why*/) override {
        where = where_;
        return {};
    }
    std::error_code confirm(wire::Connection& /*connection*/, const wire::Endpoint& /*where*/,
                            Clock::time_point /*until*/, std::string& /*why*/) override {
        return {};
    }
    void describe(Clock::time_point /*until*/, std::vector<StoreNode>& /*nodes*/,
                  std::vector<KnownReplica>& known, std::vector<Finding>& /*findings*/) override {
        known.push_back({{"10.0.0.2:6379"}, "slave"});
    }

  private:
    const wire::Endpoint where_;
};

TEST_F(RedisLocator, ReplicaIsSaidNotToBeAttachedByAMasterThatSaysWhatIs) {
    const std::string master = "role:master\r\nconnected_slaves:0\r\n";
    const std::string time_of_day = "*2\r\n$10\r\n1700000000\r\n$1\r\n0\r\n";
    const auto state_of_replica = [&](const std::string& info) {
        old_.peer().on_command([&](const support::ScriptedPeer::Command& command) {
            return Answer::reply(command.at(0) == "INFO" ? info : time_of_day);
        });
        std::vector<Finding> findings;
        const auto locator = std::make_shared<KnowsAReplica>(old_.peer().endpoint());
        const StoreNodes all = server_nodes(asking(locator), boot_clock(), findings);
        EXPECT_EQ(all.nodes.size(), 2U);
        return all.nodes.back().state;
    };
    EXPECT_EQ(state_of_replica('$' + std::to_string(master.size()) + "\r\n" + master + "\r\n"),
              "not attached: slave");
    EXPECT_EQ(state_of_replica("-NOPERM this user has no permissions\r\n"), "slave");
}

}  // namespace
}  // namespace leaselock::redis

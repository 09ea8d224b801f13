// Goal: what all channels stand on holds without any of their protocols: a connect that blocks
// holds up nobody, one that fails is not tried in a storm, what the socket does not take arrives
// whole, and a channel ends at any time. Method: an owner that sends what it is given and keeps
// what comes, and a peer that counts.
#include "engine/channel.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <vector>

#include "support/poll_until.hpp"
#include "support/scripted_peer.hpp"
#include "wire/connection.hpp"

namespace leaselock::engine {
namespace {

using namespace std::chrono_literals;
using support::Answer;
using support::poll_until;
using support::ScriptedPeer;

class Talker final : private Channel {
  public:
    using Opening = std::function<std::error_code(wire::Connection&, const std::atomic<bool>&)>;

    explicit Talker(Opening opening)
        : Channel{boot_clock(), 10ms, 250ms},
          opening_{std::move(opening)},
          connection_{boot_clock()} {}
    Talker(const Talker&) = delete;
    Talker& operator=(const Talker&) = delete;
    ~Talker() override {
        is_over_ = true;
        is_over_.notify_all();
        end_connecting();
        leave_engine();
    }

    void say(std::string_view bytes) {
        const detail::MutexLock lock{mutex_};
        out_ += bytes;
        go_on();
    }
    void hang_up() {
        const detail::MutexLock lock{mutex_};
        if (is_open()) close();
        out_.clear();
    }
    [[nodiscard]] bool has_unsent_now() {
        const detail::MutexLock lock{mutex_};
        return has_unsent();
    }
    [[nodiscard]] int opens() const { return opens_; }
    [[nodiscard]] int refusals() const { return refusals_; }

  private:
    wire::Stream& stream() noexcept override { return connection_; }
    std::error_code open(std::string& /*why*/) override {
        ++opens_;
        return opening_(connection_, is_over_);
    }
    void opened() noexcept override LEASELOCK_REQUIRES(mutex_) { backoff().succeeded(); }
    void refused(Errc /*error*/, std::string_view /*why*/) noexcept override
        LEASELOCK_REQUIRES(mutex_) {
        ++refusals_;
    }
    void attend() noexcept override LEASELOCK_REQUIRES(mutex_) { go_on(); }
    [[nodiscard]] bool has_output() const noexcept override LEASELOCK_REQUIRES(mutex_) {
        return !out_.empty();
    }
    void take_output(std::string& out) noexcept override LEASELOCK_REQUIRES(mutex_) {
        out.swap(out_);
    }
    void go_on() noexcept LEASELOCK_REQUIRES(mutex_) {
        flush();
        if (is_open()) {
            await();
        } else if (!out_.empty()) {
            connect();
        }
    }

    const Opening opening_;
    wire::Connection connection_;
    std::string out_ LEASELOCK_GUARDED_BY(mutex_);
    std::atomic<int> opens_{0};
    std::atomic<int> refusals_{0};
    std::atomic<bool> is_over_{false};
};

constexpr std::string_view command = "*1\r\n$4\r\nWORD\r\n";

class Channels : public ::testing::Test {
  protected:
    [[nodiscard]] Talker::Opening to_peer() {
        return [this](wire::Connection& connection, const std::atomic<bool>& /*is_over*/) {
            std::string why;
            return connection.open(peer_.endpoint(), boot_clock()->now() + 10s, why);
        };
    }

    ScriptedPeer peer_;
};

TEST_F(Channels, WhatIsSaidBeforeTheConnectIsThereIsSentAfterIt) {
    Talker talker{to_peer()};
    talker.say(command);
    EXPECT_TRUE(poll_until([&] { return peer_.commands().size() == 1; }));
    EXPECT_EQ(talker.opens(), 1);
}

TEST_F(Channels, ConnectThatBlocksHoldsUpNobodyAndEndsWithTheChannel) {
    const auto start = boot_clock()->now();
    {
        Talker talker{[](wire::Connection& /*connection*/, const std::atomic<bool>& is_over) {
            is_over.wait(false);
            return std::error_code{Errc::connect_failed};
        }};
        talker.say(command);
        talker.say(command);
        ASSERT_TRUE(poll_until([&] { return talker.opens() == 1; }));
        EXPECT_EQ(talker.refusals(), 0);
    }
    EXPECT_LT(boot_clock()->now() - start, 5s);
}

TEST_F(Channels, AttemptsThatFailAreFurtherAndFurtherApart) {
    std::vector<Clock::time_point> times;
    std::atomic<bool> enough{false};
    Talker talker{[&](wire::Connection& /*connection*/, const std::atomic<bool>& /*is_over*/) {
        if (!enough) times.push_back(boot_clock()->now());
        enough = times.size() == 5;
        return std::error_code{Errc::connect_failed};
    }};
    talker.say(command);
    ASSERT_TRUE(poll_until([&] { return enough.load(); }));
    Clock::duration least = 10ms;
    for (std::size_t i = 1; i < times.size(); ++i, least *= 2) {
        EXPECT_GE(times[i] - times[i - 1], least) << i;
    }
}

TEST_F(Channels, FloodArrivesWholeAlthoughNobodyComesToSendTheRest) {
    Talker talker{to_peer()};
    talker.say(command);
    ASSERT_TRUE(poll_until([&] { return peer_.commands().size() == 1; }));
    const std::string text(100'000, 'x');
    const std::string long_one = "*2\r\n$4\r\nWORD\r\n$100000\r\n" + text + "\r\n";
    std::string flood;
    for (int i = 0; i < 100; ++i) flood += long_one;
    talker.say(flood);
    EXPECT_TRUE(talker.has_unsent_now()) << "the flood is too small to show anything";
    ASSERT_TRUE(poll_until([&] { return peer_.commands().size() == 101; }));
    EXPECT_EQ(peer_.commands().back().at(1), text);
}

// What was not sent on the connection before is not sent on the next one.
TEST_F(Channels, ConnectionThatIsReplacedBeginsWithNothingOfTheOneBefore) {
    Talker talker{to_peer()};
    talker.say(command);
    ASSERT_TRUE(poll_until([&] { return peer_.commands().size() == 1; }));
    std::string half = "*1\r\n$20000000\r\n";
    half.resize(half.size() + 10'000'000, 'x');
    talker.say(half);
    EXPECT_TRUE(talker.has_unsent_now()) << "the socket took it all";
    talker.hang_up();
    talker.say(command);
    ASSERT_TRUE(poll_until([&] { return peer_.commands().size() == 2; }));
    EXPECT_EQ(peer_.commands().back().at(0), "WORD");
    EXPECT_EQ(peer_.connections(), 2U);
}

TEST_F(Channels, MayBreakWhileManySend) {
    Talker talker{to_peer()};
    for (int round = 0; round < 20; ++round) {
        std::vector<std::jthread> threads;
        threads.reserve(3);
        for (int i = 0; i < 3; ++i) {
            threads.emplace_back([&] {
                for (int n = 0; n < 50; ++n) talker.say(command);
            });
        }
        talker.hang_up();
    }
    talker.hang_up();
    talker.say("*1\r\n$4\r\nLAST\r\n");
    EXPECT_TRUE(poll_until([&] {
        const auto commands = peer_.commands();
        return std::any_of(commands.begin(), commands.end(),
                           [](const auto& heard) { return heard.at(0) == "LAST"; });
    }));
}

}  // namespace
}  // namespace leaselock::engine

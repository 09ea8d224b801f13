// Goal: an operation finds the node that serves its slot, by as many redirects as a cluster can
// need and no more; and it goes to no other server, whatever a node says. Method: nodes that lie,
// through the backend.
#include <array>
#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <string>

#include <leaselock/detail/blocking_call.hpp>
#include <leaselock/redis.hpp>

#include "fault/lock_peer.hpp"
#include "support/cluster_slot.hpp"
#include "support/poll_until.hpp"
#include "support/scripted_peer.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::Answer;
using support::poll_until;
using support::ScriptedPeer;

constexpr std::string_view key_asked = "hazel:lock:job";

std::string text_of(const std::string& text) {
    return '$' + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

// A peer that answers as a node of a cluster in which one node has all slots, and others have none.
class LyingNode {
  public:
    LyingNode() {
        peer_.on_command([this](const ScriptedPeer::Command& command) {
            const std::lock_guard lock{mutex_};
            const std::string& word = command.front();
            if (word == "TIME") {
                return Answer::reply("*2\r\n" + text_of("1795886415") + text_of("341669"));
            }
            if (word == "ASKING") {
                ++asked_;
                return Answer::reply(may_ask_ ? "+OK\r\n" : "-NOPERM no permissions\r\n");
            }
            if (word != "CLUSTER") {
                ++calls_;
                return Answer::reply(answer_ ? answer_(calls_) : support::granted("7"));
            }
            if (command.at(1) == "MYID") return Answer::reply(text_of(identity_));
            if (command.at(1) == "SLOTS") {
                ++tables_;
                return Answer::reply(table_);
            }
            return Answer::reply("-ERR unknown subcommand\r\n");
        });
    }

    [[nodiscard]] std::string address() const {
        return "127.0.0.1:" + std::to_string(peer_.port());
    }
    [[nodiscard]] std::string shown() const {
        return "*3\r\n" + text_of("127.0.0.1") + ':' + std::to_string(peer_.port()) + "\r\n" +
               text_of(id_);
    }
    void has_table(std::string table) {
        const std::lock_guard lock{mutex_};
        table_ = std::move(table);
    }
    // Of the number of the command, from 1 on.
    void answers(std::function<std::string(int)> answer) {
        const std::lock_guard lock{mutex_};
        answer_ = std::move(answer);
    }
    void refuses_asking() { may_ask_ = false; }
    void permits_asking() { may_ask_ = true; }
    void is_another() {
        const std::lock_guard lock{mutex_};
        identity_ = std::string(40, 'f');
    }
    [[nodiscard]] int calls() const { return calls_; }
    [[nodiscard]] int asked() const { return asked_; }
    [[nodiscard]] int tables() const { return tables_; }
    [[nodiscard]] std::size_t connections() const { return peer_.connections(); }
    [[nodiscard]] std::vector<ScriptedPeer::Command> commands() const { return peer_.commands(); }

  private:
    static std::string next_id() {
        static std::atomic<int> made{10};
        const std::string number = std::to_string(made++);
        return number + std::string(40 - number.size(), 'a');
    }

    const std::string id_ = next_id();
    std::mutex mutex_;  // for the three below
    std::string identity_ = id_;
    std::string table_ = "*0\r\n";
    std::function<std::string(int)> answer_;
    std::atomic<int> calls_{0};
    std::atomic<int> asked_{0};
    std::atomic<int> tables_{0};
    std::atomic<bool> may_ask_{true};
    ScriptedPeer peer_;
};

std::string redirect(const char* word, const LyingNode& to, int slot = -1) {
    if (slot < 0) slot = support::cluster_slot(key_asked);
    return std::string("-") + word + ' ' + std::to_string(slot) + ' ' + to.address() + "\r\n";
}

// Of two nodes: the first has all slots, the second is its replica, or so the first one says.
class RedisClusterTest : public ::testing::Test {
  protected:
    RedisClusterTest() {
        const std::string table = "*1\r\n*4\r\n:0\r\n:16383\r\n" + first.shown() + second.shown();
        first.has_table(table);
        second.has_table(table);
    }

    [[nodiscard]] std::string backend_name() const { return "redis+cluster://" + first.address(); }
    std::shared_ptr<Backend> make(const std::string& rest = {}) {
        return make_redis_backend(
            {.url = backend_name() + rest, .command_timeout = Duration{patience}});
    }
    static Request request_for(std::string_view key) {
        return {.verb = Verb::acquire,
                .key = key,
                .token = "me/1",
                .ttl = 30s,
                .submitted = boot_clock()->now()};
    }
    static Reply acquire(Backend& backend, std::string_view key = key_asked) {
        Operation operation{request_for(key)};
        detail::BlockingCall{operation}.run(backend, *boot_clock());
        return operation.reply;
    }
    // By a deadline of its own, so that the backend has time enough for its first connection.
    static Reply acquire_within(Backend& backend, std::chrono::milliseconds time) {
        Request request = request_for(key_asked);
        request.deadline = request.submitted + time;
        Operation operation{request};
        detail::BlockingCall{operation}.run(backend, *boot_clock());
        EXPECT_LT(boot_clock()->now() - request.submitted, 10 * time);
        return operation.reply;
    }
    // One that is given up while the attempt is under way that `is_under_way` says.
    template <class Condition>
    static Reply give_up_when(Backend& backend, const Condition& is_under_way) {
        Operation operation{request_for(key_asked)};
        backend.submit(operation);
        EXPECT_TRUE(poll_until(is_under_way, 60s));
        backend.cancel(operation);
        EXPECT_TRUE(operation.done());
        return operation.reply;
    }
    static void expect_error(const Reply& reply, Errc error, const std::string& part = {}) {
        EXPECT_EQ(reply.outcome, Outcome::failed);
        EXPECT_EQ(reply.error, error) << reply.detail;
        EXPECT_NE(reply.detail.find(part), std::string::npos) << reply.detail;
    }

    static constexpr std::chrono::milliseconds patience = 20s;
    LyingNode first;
    LyingNode second;
};

TEST_F(RedisClusterTest, CommandGoesToTheNodeThatHasTheSlot) {
    const auto backend = make();
    EXPECT_EQ(acquire(*backend).outcome, Outcome::granted);
    EXPECT_EQ(first.calls(), 1);
    EXPECT_EQ(second.connections(), 0U);
}

// The acquire has run, whatever its WAIT is answered.
TEST_F(RedisClusterTest, GrantWhoseWaitIsRedirectedIsOwedAReleaseAndNotAskedForElsewhere) {
    first.answers(
        [&](int call) { return call == 2 ? redirect("MOVED", second) : support::granted("7"); });
    const auto backend = make_redis_backend({.url = "redis+cluster://" + first.address(),
                                             .connect_timeout = Duration{patience},
                                             .command_timeout = Duration{patience},
                                             .wait_replicas = 1});
    const Reply reply = acquire(*backend);
    expect_error(reply, Errc::cluster_down, "MOVED");
    EXPECT_TRUE(reply.in_part);
    EXPECT_EQ(first.calls(), 2);
    EXPECT_EQ(second.calls(), 0);
}

TEST_F(RedisClusterTest, NodeThatHasMovedTheSlotIsNotAskedAgain) {
    first.answers([&](int) { return redirect("MOVED", second); });
    const auto backend = make();
    EXPECT_EQ(acquire(*backend).outcome, Outcome::granted);
    EXPECT_EQ(first.calls(), 1);
    EXPECT_EQ(second.calls(), 1);
    EXPECT_EQ(second.asked(), 0);
}

TEST_F(RedisClusterTest, AskSendsOneCommandOnWithAskingRightBeforeIt) {
    first.answers(
        [&](int call) { return call == 1 ? redirect("ASK", second) : support::granted("8"); });
    const auto backend = make();
    EXPECT_EQ(acquire(*backend).fencing_token, 7U) << "by the second node";
    const auto heard = second.commands();
    ASSERT_GE(heard.size(), 2U);
    EXPECT_EQ(heard[heard.size() - 2].front(), "ASKING");
    EXPECT_EQ(heard.back().front(), "EVALSHA");
    EXPECT_EQ(acquire(*backend).fencing_token, 8U) << "the slot is still the first node's";
    EXPECT_EQ(second.asked(), 1);
}

TEST_F(RedisClusterTest, ScriptThatANodeDoesNotKnowIsSentWithAskingToo) {
    first.answers([&](int) { return redirect("ASK", second); });
    second.answers([&](int call) {
        return call == 1 ? "-NOSCRIPT No matching script.\r\n" : support::granted("7");
    });
    const auto backend = make();
    EXPECT_EQ(acquire(*backend).outcome, Outcome::granted);
    EXPECT_EQ(second.asked(), 2);
}

// Without ASKING the node sends the command back, in a circle.
TEST_F(RedisClusterTest, MissingRightToAskIsNamed) {
    first.answers([&](int) { return redirect("ASK", second); });
    second.answers([&](int) { return redirect("MOVED", first); });
    second.refuses_asking();
    const auto backend = make();
    expect_error(acquire(*backend), Errc::access_denied, "+asking");
    EXPECT_EQ(first.calls() + second.calls(), 2);
}

// A callback may name a user with more rights by now, so the node is asked once more by a new
// connection; and no more often.
TEST_F(RedisClusterTest, MissingRightToAskLeadsToANewLoginWhereACallbackNamesTheUser) {
    for (const bool helps : {true, false}) {
        LyingNode other;
        first.answers([&](int) { return redirect("ASK", other); });
        other.answers([&](int call) {
            return helps && call > 1 ? support::granted("7") : redirect("MOVED", first);
        });
        other.refuses_asking();
        first.has_table("*1\r\n*4\r\n:0\r\n:16383\r\n" + first.shown() + other.shown());
        const auto name_user = [&] {
            if (helps && other.asked() > 0) other.permits_asking();
            return RedisCredentials{};
        };
        const auto backend = make_redis_backend({.url = "redis+cluster://" + first.address(),
                                                 .credentials = name_user,
                                                 .connect_timeout = Duration{patience},
                                                 .command_timeout = Duration{patience}});
        const Reply reply = acquire(*backend);
        if (helps) {
            EXPECT_EQ(reply.outcome, Outcome::granted) << reply.detail;
        } else {
            expect_error(reply, Errc::access_denied, "+asking");
        }
        EXPECT_EQ(other.asked(), 2);
    }
}

TEST_F(RedisClusterTest, MissingRightToAskDoesNoHarmOnceTheSlotHasMoved) {
    first.answers([&](int) { return redirect("ASK", second); });
    second.refuses_asking();
    const auto backend = make();
    EXPECT_EQ(acquire(*backend).outcome, Outcome::granted);
}

TEST_F(RedisClusterTest, RedirectsInACircleEndInAnError) {
    first.answers([&](int) { return redirect("MOVED", second); });
    second.answers([&](int) { return redirect("MOVED", first); });
    const auto backend = make();
    expect_error(acquire(*backend), Errc::cluster_down, "redirected 5 times");
    EXPECT_EQ(first.calls() + second.calls(), 6);
}

TEST_F(RedisClusterTest, RedirectToAForeignAddressIsNotFollowed) {
    LyingNode stranger;
    for (const char* const word : {"MOVED", "ASK"}) {
        first.answers([&](int) { return redirect(word, stranger); });
        const auto backend = make();
        expect_error(acquire(*backend), Errc::cluster_down, "no member " + stranger.address());
    }
    EXPECT_EQ(stranger.connections(), 0U);
}

TEST_F(RedisClusterTest, RedirectOfAnotherSlotIsALie) {
    first.answers(
        [&](int) { return redirect("MOVED", second, support::cluster_slot(key_asked) ^ 1); });
    const auto backend = make();
    expect_error(acquire(*backend), Errc::protocol_error);
    EXPECT_EQ(second.calls(), 0);
}

TEST_F(RedisClusterTest, ServerThatHasTakenTheAddressOfANodeGetsNoCommand) {
    first.is_another();
    const auto backend = make();
    expect_error(acquire(*backend), Errc::connect_failed, "another node");
    EXPECT_EQ(first.calls(), 0);
}

TEST_F(RedisClusterTest, CommandForASlotThatIsNotServedJustNowIsRetried) {
    for (const char* const words : {"-TRYAGAIN Multiple keys request during rehashing of slot\r\n",
                                    "-CLUSTERDOWN Hash slot not served\r\n"}) {
        const int before = first.calls();
        first.answers([&](int call) {
            return call < before + 4 ? std::string{words} : support::granted("7");
        });
        const auto backend = make();
        EXPECT_EQ(acquire(*backend).outcome, Outcome::granted) << words;
        EXPECT_EQ(first.calls(), before + 4);
    }
}

TEST_F(RedisClusterTest, SlotThatIsNeverServedEndsInAnErrorInTime) {
    first.answers([](int call) {
        return call == 1 ? support::granted("7") : "-CLUSTERDOWN The cluster is down\r\n";
    });
    const auto backend = make();
    ASSERT_EQ(acquire(*backend).outcome, Outcome::granted) << "so it is connected";
    const Reply reply = acquire_within(*backend, 2s);
    // The last attempt may be under way when the time is over.
    const bool is_cut_off = reply.error == Errc::command_timed_out;
    expect_error(reply, is_cut_off ? reply.error : Errc::cluster_down, "CLUSTERDOWN");
}

TEST_F(RedisClusterTest, RefusalIsNamedByAnAttemptAfterItThatGetsNoAnswer) {
    const auto after = [&](const std::string& refusal) {
        const int before = first.calls();
        first.answers([=](int call) { return call == before + 1 ? refusal : std::string{}; });
        return [&, before] { return first.calls() == before + 2; };
    };
    for (const std::string word : {"CLUSTERDOWN", "TRYAGAIN"}) {
        const auto is_asked_again = after('-' + word + " for some reason\r\n");
        expect_error(give_up_when(*make(), is_asked_again), Errc::command_timed_out,
                     "before that: " + backend_name() + " at " + first.address() + ": " + word);
    }
    first.answers([&](int) { return redirect("MOVED", second); });
    second.answers([](int) { return std::string{}; });
    expect_error(give_up_when(*make(), [&] { return second.calls() == 1; }),
                 Errc::command_timed_out, "MOVED");
}

TEST_F(RedisClusterTest, RefusalIsNamedWhereTheTableCannotBeReadAfterIt) {
    LyingNode stranger;
    const auto backend = make();
    ASSERT_EQ(acquire(*backend).outcome, Outcome::granted);
    for (LyingNode* const each : {&first, &second}) each->has_table("-LOADING the data\r\n");
    first.answers([&](int) { return redirect("MOVED", stranger); });
    const Reply reply = acquire(*backend);
    expect_error(reply, Errc::loading, "LOADING");
    expect_error(reply, Errc::loading, "MOVED");
    EXPECT_EQ(stranger.connections(), 0U);
}

TEST_F(RedisClusterTest, SlotThatNoNodeHasEndsInAnErrorInTime) {
    first.has_table("*1\r\n*3\r\n:0\r\n:0\r\n" + first.shown());
    const auto backend = make();
    constexpr std::string_view key_of_slot_0 = "{06S}";
    ASSERT_EQ(support::cluster_slot(key_of_slot_0), 0);
    ASSERT_EQ(acquire(*backend, key_of_slot_0).outcome, Outcome::granted) << "the table is read";
    expect_error(acquire_within(*backend, 1s), Errc::cluster_down, "no node serves slot");
    EXPECT_EQ(first.calls(), 1);
}

TEST_F(RedisClusterTest, CommandThatMayHaveRunIsNotSentAgain) {
    first.answers([](int) { return "-ERR something else\r\n"; });
    const auto backend = make();
    expect_error(acquire(*backend), Errc::unexpected_reply);
    EXPECT_EQ(first.calls(), 1);
}

TEST_F(RedisClusterTest, TableIsReadAtMostOnceASecond) {
    first.answers([&](int) { return redirect("MOVED", second); });
    second.answers([&](int) { return redirect("MOVED", first); });
    const auto backend = make();
    const auto begin = boot_clock()->now();
    for (int i = 0; i < 50; ++i) (void)acquire(*backend);
    const auto seconds = (boot_clock()->now() - begin) / 1s;
    EXPECT_LE(first.tables() + second.tables(), 2 + seconds);
}

TEST_F(RedisClusterTest, AnnouncedAddressesAreMapped) {
    const std::string table = "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n" + text_of("10.9.9.9") +
                              ":6379\r\n" + first.shown().substr(first.shown().rfind('$'));
    first.has_table(table);
    const auto backend = make("?node_addresses=10.9.9.9:6379=" + first.address());
    EXPECT_EQ(acquire(*backend).outcome, Outcome::granted);
}

TEST_F(RedisClusterTest, NodeThatIsNoneOfAClusterIsNamed) {
    first.has_table("-ERR This instance has cluster support disabled\r\n");
    const auto backend = make();
    expect_error(acquire(*backend), Errc::not_supported, "no node of a Redis Cluster");
    EXPECT_EQ(first.calls(), 0);
}

TEST_F(RedisClusterTest, NodeOfAClusterIsNamedToWhoeverTakesItForASingleServer) {
    first.answers([&](int) { return redirect("MOVED", second); });
    const auto backend = make_redis_backend({.url = "redis://" + first.address(),
                                             .connect_timeout = Duration{patience},
                                             .command_timeout = Duration{patience}});
    expect_error(acquire(*backend), Errc::not_supported, "redis+cluster://");
    EXPECT_EQ(second.connections(), 0U);
}

TEST_F(RedisClusterTest, OperationsThatAreGivenTogetherAllComeBack) {
    first.answers(
        [&](int call) { return call % 3 == 0 ? redirect("ASK", second) : support::granted("7"); });
    const auto backend = make();
    std::vector<std::unique_ptr<Operation>> operations;
    std::vector<Operation*> given;
    for (int i = 0; i < 200; ++i) {
        operations.push_back(
            std::make_unique<Operation>(Request{.verb = Verb::acquire,
                                                .key = key_asked,
                                                .token = "me/1",
                                                .ttl = 30s,
                                                .submitted = boot_clock()->now()}));
        given.push_back(operations.back().get());
    }
    backend->submit(given);
    for (const auto& each : operations) {
        while (!each->done() && boot_clock()->now() - each->request.submitted < 60s) {
            std::this_thread::yield();
        }
        EXPECT_EQ(each->reply.outcome, Outcome::granted) << each->reply.detail;
    }
}

TEST_F(RedisClusterTest, CancelledOperationIsDoneAtOnce) {
    first.has_table("*1\r\n*3\r\n:0\r\n:0\r\n" + first.shown());
    const auto backend = make();
    Operation operation{{.verb = Verb::acquire,
                         .key = key_asked,
                         .token = "me/1",
                         .ttl = 30s,
                         .submitted = boot_clock()->now()}};
    backend->submit(operation);
    EXPECT_FALSE(operation.done());
    backend->cancel(operation);
    EXPECT_TRUE(operation.done());
    expect_error(operation.reply, Errc::cluster_down);
}

}  // namespace
}  // namespace leaselock

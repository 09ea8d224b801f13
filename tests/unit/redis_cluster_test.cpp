// Goal: an operation finds the node that serves its slot, by as many redirects as a cluster can
// need and no more; and it goes to no other server, whatever a node says. Method: nodes that lie,
// through the backend.
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "unit/redis_cluster_fixture.hpp"

namespace leaselock {
namespace {

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
    const std::string table = "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n" +
                              LyingNode::text_of("10.9.9.9") + ":6379\r\n" +
                              first.shown().substr(first.shown().rfind('$'));
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

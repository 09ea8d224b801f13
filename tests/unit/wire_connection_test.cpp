// Goal: whatever a peer does, a call ends by its deadline with the right outcome, and nothing of
// the process is harmed. Method: a peer in the same process that refuses, closes, resets, drips,
// sends garbage or is silent on command. Long deadlines belong to what must happen, short ones to
// what must not; a short one may be exceeded ten times on a busy machine.
#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <pthread.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "support/free_port.hpp"
#include "support/poll_until.hpp"
#include "support/scripted_peer.hpp"
#include "support/temp_dir.hpp"
#include "wire/command.hpp"
#include "wire/connection.hpp"

namespace leaselock::wire {
namespace {

using namespace std::chrono_literals;
using support::Answer;
using support::poll_until;
using support::ScriptedPeer;

constexpr auto soon = 50ms;   // for what does not come
constexpr auto enough = 10s;  // for what comes

Clock::time_point in(std::chrono::milliseconds time) { return boot_clock()->now() + time; }

// How long a thing took.
template <typename Action>
Clock::duration timed(Action action) {
    const Clock::time_point start = boot_clock()->now();
    action();
    return boot_clock()->now() - start;
}

const std::string ping = "*1\r\n$4\r\nPING\r\n";

class WireConnection : public testing::Test {
  protected:
    void open() {
        const std::error_code error = connection_.open(peer_.endpoint(), in(enough), why_);
        ASSERT_FALSE(error) << why_;
    }
    // Sends a PING that the peer answers with these.
    void ask(Answer answer) {
        peer_.script({std::move(answer)});
        const Sent sent = connection_.send(ping, in(enough));
        ASSERT_FALSE(sent.error);
        ASSERT_EQ(sent.bytes, ping.size());
    }
    Received receive(std::chrono::milliseconds time = enough) {
        return connection_.receive(reply_, in(time));
    }

    ScriptedPeer peer_;
    Connection connection_{boot_clock()};
    Reply reply_;
    std::string why_;
};

TEST_F(WireConnection, ReceivesWhatWasAsked) {
    open();
    ask(Answer::reply("+PONG\r\n"));
    ASSERT_EQ(receive(), Received::reply);
    EXPECT_EQ(reply_.text(), "PONG");
    EXPECT_EQ(peer_.commands(), (std::vector<ScriptedPeer::Command>{{"PING"}}));
}

TEST_F(WireConnection, RefusedIsConnectFailedWithAddressAndReason) {
    const Endpoint nobody{"127.0.0.1", support::free_port(), {}};
    EXPECT_EQ(connection_.open(nobody, in(enough), why_), Errc::connect_failed);
    EXPECT_EQ(why_, describe(nobody) + ": Connection refused");
    EXPECT_FALSE(connection_.is_open());
}

TEST_F(WireConnection, MissingUnixSocketIsConnectFailed) {
    const support::TempDir directory;
    const Endpoint nobody{{}, 0, directory.file("none.sock")};
    EXPECT_EQ(connection_.open(nobody, in(enough), why_), Errc::connect_failed);
    EXPECT_EQ(why_, nobody.unix_path + ": No such file or directory");
}

TEST_F(WireConnection, TooLongUnixPathIsConnectFailedAndNotCut) {
    const Endpoint endless{{}, 0, '/' + std::string(200, 'x')};
    EXPECT_EQ(connection_.open(endless, in(enough), why_), Errc::connect_failed);
    EXPECT_NE(why_.find("at most 107 bytes, this one 201"), std::string::npos) << why_;
}

TEST_F(WireConnection, UnknownNameIsConnectFailedByTheDeadline) {
    const auto took = timed([&] {
        EXPECT_EQ(connection_.open({"no-such-host.invalid", 1, {}}, in(200ms), why_),
                  Errc::connect_failed);
    });
    EXPECT_NE(why_.find("no-such-host.invalid"), std::string::npos) << why_;
    EXPECT_LT(took, 2s);
}

TEST_F(WireConnection, ANameIsLookedUpAndAllItsAddressesAreTried) {
    EXPECT_FALSE(connection_.open({"localhost", peer_.port(), {}}, in(enough), why_)) << why_;
}

// Somebody who listens but does not take connections, so that one more stays in the air.
class BlackHole {
  public:
    BlackHole() : listener_(support::bind_any_port(endpoint.port)) {
        ::listen(listener_, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(endpoint.port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        for (int& filler : fillers_) {
            filler = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
            [[maybe_unused]] const int in_progress =
                ::connect(filler, reinterpret_cast<sockaddr*>(&address), sizeof address);
        }
    }
    BlackHole(const BlackHole&) = delete;
    BlackHole& operator=(const BlackHole&) = delete;
    ~BlackHole() {
        for (const int filler : fillers_) ::close(filler);
        ::close(listener_);
    }

    Endpoint endpoint{"127.0.0.1", 0, {}};

  private:
    int listener_;
    int fillers_[4] = {};
};

TEST_F(WireConnection, ConnectThatIsNotAnsweredEndsByTheDeadline) {
    const BlackHole hole;
    const auto took = timed(
        [&] { EXPECT_EQ(connection_.open(hole.endpoint, in(soon), why_), Errc::connect_failed); });
    EXPECT_NE(why_.find("timed out"), std::string::npos) << why_;
    EXPECT_GE(took, soon);
    EXPECT_LT(took, 10 * soon);
}

TEST_F(WireConnection, InterruptEndsAConnectInTheAir) {
    const BlackHole hole;
    std::atomic<bool> is_over = false;
    std::thread interrupter{[&] {
        while (!is_over) connection_.interrupt();
    }};
    const auto took = timed([&] {
        EXPECT_EQ(connection_.open(hole.endpoint, in(enough), why_), Errc::connect_failed);
    });
    is_over = true;
    interrupter.join();
    EXPECT_LT(took, enough / 2);
}

TEST_F(WireConnection, CloseInTheMiddleOfAReplyIsClosed) {
    open();
    ask(Answer::close("$5\r\nab"));
    EXPECT_EQ(receive(), Received::closed);
    EXPECT_EQ(reply_.type(), ReplyView::Type::other);
}

TEST_F(WireConnection, WholeRepliesBeforeACloseAreReceived) {
    open();
    ask(Answer::close("+a\r\n+b\r\n"));
    EXPECT_EQ(receive(), Received::reply);
    EXPECT_EQ(receive(), Received::reply);
    EXPECT_EQ(reply_.text(), "b");
    EXPECT_EQ(receive(), Received::closed);
}

TEST_F(WireConnection, ResetIsClosed) {
    open();
    ask(Answer::reset());
    EXPECT_EQ(receive(), Received::closed);
}

TEST_F(WireConnection, GarbageIsMalformedForGood) {
    open();
    ask(Answer::reply("HTTP/1.1 400 Bad Request\r\n\r\n+OK\r\n"));
    EXPECT_EQ(receive(), Received::malformed);
    EXPECT_EQ(receive(), Received::malformed);
}

TEST_F(WireConnection, EndlessTextIsMalformedAtTheBound) {
    open();
    ask(Answer::reply("$2147483647\r\n" + std::string(2 * Parser::max_reply_bytes, 'x')));
    EXPECT_EQ(receive(), Received::malformed);
}

TEST_F(WireConnection, SilenceTimesOutByTheDeadline) {
    open();
    ask(Answer::silence());
    const auto took = timed([&] { EXPECT_EQ(receive(soon), Received::timed_out); });
    EXPECT_GE(took, soon);
    EXPECT_LT(took, 10 * soon);
}

TEST_F(WireConnection, ADeadlineBehindALongerOneIsKept) {
    open();
    ask(Answer::reply("+a\r\n"));
    ASSERT_EQ(receive(1h), Received::reply);
    const auto took = timed([&] { EXPECT_EQ(receive(soon), Received::timed_out); });
    EXPECT_GE(took, soon);
    EXPECT_LT(took, 10 * soon);
}

TEST_F(WireConnection, DrippedReplyIsPutTogether) {
    open();
    ask(Answer::dripped("$5\r\nhello\r\n", 1ms));
    ASSERT_EQ(receive(), Received::reply);
    EXPECT_EQ(reply_.text(), "hello");
}

TEST_F(WireConnection, DripDoesNotMoveTheDeadline) {
    open();
    ask(Answer::dripped("$100000\r\n" + std::string(100000, 'x'), 1ms));
    const auto took = timed([&] { EXPECT_EQ(receive(soon), Received::timed_out); });
    EXPECT_LT(took, 10 * soon);
}

TEST_F(WireConnection, ReplyAfterATimeOutIsReceivedByTheNextCall) {
    open();
    ask(Answer::reply("$5\r\nhel"));
    ASSERT_EQ(receive(soon), Received::timed_out);
    peer_.push("lo\r\n");
    ASSERT_EQ(receive(), Received::reply);
    EXPECT_EQ(reply_.text(), "hello");
}

TEST_F(WireConnection, PassedDeadlineLooksOnceAndDoesNotBlock) {
    open();
    EXPECT_EQ(connection_.receive(reply_, Clock::time_point::min()), Received::timed_out);
    peer_.push("+here\r\n");
    ASSERT_TRUE(poll_until([&] { return connection_.is_stale(); }));
    EXPECT_EQ(connection_.receive(reply_, Clock::time_point::min()), Received::reply);
    EXPECT_EQ(reply_.text(), "here");
}

TEST_F(WireConnection, BufferedRepliesNeedNoSocket) {
    open();
    ask(Answer::reply("+a\r\n+b\r\n"));
    ASSERT_EQ(receive(), Received::reply);
    connection_.interrupt();
    ASSERT_EQ(receive(), Received::reply);
    EXPECT_EQ(reply_.text(), "b");
    EXPECT_EQ(receive(), Received::closed);
}

TEST_F(WireConnection, SendToAPeerThatDoesNotReadTimesOutAndCountsWhatLeft) {
    peer_.on_connect([] { return Answer::stop_reading(); });
    open();
    const std::string much(std::size_t{64} << 20, 'x');
    Sent sent;
    const auto took = timed([&] { sent = connection_.send(much, in(2 * soon)); });
    EXPECT_EQ(sent.error, Errc::command_timed_out);
    EXPECT_GT(sent.bytes, 0U);
    EXPECT_LT(sent.bytes, much.size());
    EXPECT_LT(took, 20 * soon);
}

TEST_F(WireConnection, SendAfterAResetIsConnectionLostWithoutSigpipe) {
    static std::atomic<int> sigpipes = 0;
    struct sigaction count {};
    struct sigaction before {};
    count.sa_handler = [](int) { ++sigpipes; };
    ASSERT_EQ(::sigaction(SIGPIPE, &count, &before), 0);
    open();
    ask(Answer::reset());
    ASSERT_EQ(receive(), Received::closed);
    for (int i = 0; i < 3; ++i) {
        const Sent sent = connection_.send(ping, in(enough));
        EXPECT_EQ(sent.error, Errc::connection_lost);
        EXPECT_EQ(sent.bytes, 0U);
    }
    EXPECT_EQ(sigpipes, 0);
    ::sigaction(SIGPIPE, &before, nullptr);
}

TEST_F(WireConnection, InterruptEndsAReceiveOfAnotherThread) {
    open();
    std::atomic<bool> is_over = false;
    Received received = Received::reply;
    std::thread receiver{[&] {
        received = receive(enough);
        is_over = true;
    }};
    const auto took = timed([&] {
        connection_.interrupt();
        EXPECT_TRUE(poll_until([&] { return is_over.load(); }));
    });
    receiver.join();
    EXPECT_EQ(received, Received::closed);
    EXPECT_LT(took, enough / 2);
    EXPECT_EQ(connection_.send(ping, in(enough)).error, Errc::connection_lost);
}

TEST_F(WireConnection, InterruptEndsASendOfAnotherThread) {
    peer_.on_connect([] { return Answer::stop_reading(); });
    open();
    Sent sent;
    std::thread sender{[&] {
        const std::string much(std::size_t{64} << 20, 'x');
        sent = connection_.send(much, in(6 * enough));
    }};
    const auto took = timed([&] {
        connection_.interrupt();
        sender.join();
    });
    EXPECT_EQ(sent.error, Errc::connection_lost);
    EXPECT_LT(took, enough);
}

TEST_F(WireConnection, NothingOfAnInterruptIsLeftForTheNextOpen) {
    open();
    connection_.interrupt();
    open();
    ask(Answer::reply("+PONG\r\n"));
    EXPECT_EQ(receive(), Received::reply);
}

TEST_F(WireConnection, AHalfReplyIsNotCarriedIntoTheNextOpen) {
    open();
    ask(Answer::reply("$100\r\nhalf"));
    ASSERT_EQ(receive(soon), Received::timed_out);
    open();
    ask(Answer::reply("+whole\r\n"));
    ASSERT_EQ(receive(), Received::reply);
    EXPECT_EQ(reply_.text(), "whole");
    EXPECT_EQ(peer_.connections(), 2U);
}

TEST_F(WireConnection, OneThreadSendsWhileAnotherReceives) {
    constexpr int rounds = 2000;
    peer_.on_command([](const ScriptedPeer::Command&) { return Answer::reply("+PONG\r\n"); });
    open();
    std::thread sender{[&] {
        for (int i = 0; i < rounds; ++i) EXPECT_FALSE(connection_.send(ping, in(enough)).error);
    }};
    int replies = 0;
    while (replies < rounds && receive() == Received::reply) ++replies;
    sender.join();
    EXPECT_EQ(replies, rounds);
}

TEST_F(WireConnection, SignalsDoNotDisturb) {
    struct sigaction nothing {};
    struct sigaction before {};
    nothing.sa_handler = [](int) {};
    ASSERT_EQ(::sigaction(SIGUSR1, &nothing, &before), 0);
    open();
    const pthread_t me = ::pthread_self();
    std::atomic<bool> is_over = false;
    std::thread storm{[&] {
        while (!is_over) ::pthread_kill(me, SIGUSR1);
    }};
    ask(Answer::dripped("$20\r\nabcdefghijklmnopqrst\r\n", 2ms));
    EXPECT_EQ(receive(), Received::reply);
    EXPECT_EQ(receive(soon), Received::timed_out);
    is_over = true;
    storm.join();
    ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_F(WireConnection, StaleIsClosedOrSpokenToUnasked) {
    EXPECT_TRUE(connection_.is_stale());
    open();
    EXPECT_FALSE(connection_.is_stale());
    peer_.push("+hello\r\n");
    EXPECT_TRUE(poll_until([&] { return connection_.is_stale(); }));
    open();
    EXPECT_FALSE(connection_.is_stale());
    peer_.drop_all();
    EXPECT_TRUE(poll_until([&] { return connection_.is_stale(); }));
    open();
    ask(Answer::reply("+asked\r\n+unasked\r\n"));
    ASSERT_EQ(receive(), Received::reply);
    EXPECT_TRUE(connection_.is_stale());
}

TEST_F(WireConnection, ClosedOneSaysSo) {
    open();
    connection_.close();
    EXPECT_FALSE(connection_.is_open());
    EXPECT_EQ(receive(), Received::closed);
    const Sent sent = connection_.send(ping, in(enough));
    EXPECT_EQ(sent.error, Errc::connection_lost);
    EXPECT_EQ(sent.bytes, 0U);
    EXPECT_TRUE(poll_until([&] { return peer_.open_connections() == 0; }));
}

TEST_F(WireConnection, AChildOfExecInheritsNoSocket) {
    Endpoint listening{"127.0.0.1", 0, {}};
    const int listener = support::bind_any_port(listening.port);
    ASSERT_EQ(::listen(listener, 1), 0);
    ASSERT_FALSE(connection_.open(listening, in(enough), why_)) << why_;
    int sockets = 0;
    for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
        const int fd = std::stoi(entry.path().filename());
        struct stat what {};
        if (::fstat(fd, &what) != 0 || !S_ISSOCK(what.st_mode)) continue;
        int domain = 0;
        socklen_t length = sizeof domain;
        ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length);
        if (domain != AF_INET) continue;
        ++sockets;
        EXPECT_TRUE(::fcntl(fd, F_GETFD) & FD_CLOEXEC) << fd;
    }
    EXPECT_GE(sockets, 3);  // two that listen, and the connection
    ::close(listener);
}

TEST(EndpointText, SaysWhere) {
    EXPECT_EQ(describe(Endpoint{"h", 7, {}}), "h:7");
    EXPECT_EQ(describe(Endpoint{"::1", 7, {}}), "[::1]:7");
    EXPECT_EQ(describe(Endpoint{{}, 0, "/run/s"}), "/run/s");
}

}  // namespace
}  // namespace leaselock::wire

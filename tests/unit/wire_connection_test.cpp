// Goal: whatever a peer does, a send or receive ends by its deadline with the right outcome, and
// nothing of the process is harmed. Method: a peer in the same process that closes, resets, drips,
// sends garbage or is silent on command.
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
#include <time.h>
#include <unistd.h>

#include "support/free_port.hpp"
#include "support/poll_until.hpp"
#include "support/scripted_peer.hpp"
#include "support/temp_dir.hpp"
#include "unit/wire_connection_fixture.hpp"
#include "wire/command.hpp"
#include "wire/connection.hpp"

namespace leaselock::wire {
namespace {

using support::poll_until;

TEST_F(WireConnection, CloseInTheMiddleOfAReplyIsClosed) {
    open();
    ask(Answer::close("$5\r\nab"));
    EXPECT_EQ(receive(), Received::closed);
    EXPECT_EQ(reply_.type(), RespView::Type::other);
}

TEST_F(WireConnection, WholeRepliesBeforeACloseAreReceived) {
    open();
    ask(Answer::close("+a\r\n+b\r\n"));
    EXPECT_EQ(receive(), Received::reply);
    EXPECT_EQ(receive(), Received::reply);
    EXPECT_EQ(reply_.text(), "b");
    EXPECT_EQ(receive(), Received::closed);
}

std::chrono::nanoseconds cpu_time() {
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

TEST_F(WireConnection, WhoLooksBeforeItSleepsDoesSleepThen) {
    open();
    ask(Answer::silence());
    const auto before = cpu_time();
    EXPECT_EQ(connection_.receive(reply_, boot_clock()->now() + 500ms, 1ms), Received::timed_out);
    EXPECT_LT(cpu_time() - before, 250ms);
    EXPECT_EQ(connection_.receive(reply_, boot_clock()->now() + 20ms, 1h), Received::timed_out);
}

TEST_F(WireConnection, WhatComesWhileOneLooksIsReceived) {
    open();
    ask(Answer::dripped("+ab\r\n", 5ms));
    EXPECT_EQ(connection_.receive(reply_, boot_clock()->now() + 10s, 10s), Received::reply);
    EXPECT_EQ(reply_.text(), "ab");
    ask(Answer::close());
    EXPECT_EQ(connection_.receive(reply_, boot_clock()->now() + 10s, 10s), Received::closed);
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

}  // namespace
}  // namespace leaselock::wire

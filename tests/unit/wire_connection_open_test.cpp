// Goal: a connection is opened by its deadline or refused with a reason, whatever is at the other
// end. Method: a peer in the same process, addresses where nobody listens, and a listener that
// never accepts.
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
#include "support/leaks.hpp"
#include "support/poll_until.hpp"
#include "support/scripted_peer.hpp"
#include "support/temp_dir.hpp"
#include "unit/wire_connection_fixture.hpp"
#include "wire/command.hpp"
#include "wire/connection.hpp"

namespace leaselock::wire {
namespace {

using support::poll_until;

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

// The thread that looks the name up may end a moment later; what it holds until then is no leak.
TEST_F(WireConnection, UnknownNameIsConnectFailedByTheDeadline) {
    const std::size_t threads = support::running_threads();
    const auto took = timed([&] {
        EXPECT_EQ(connection_.open({"no-such-host.invalid", 1, {}}, in(200ms), why_),
                  Errc::connect_failed);
    });
    EXPECT_NE(why_.find("no-such-host.invalid"), std::string::npos) << why_;
    EXPECT_LT(took, 2s);
    EXPECT_TRUE(poll_until([&] { return support::running_threads() <= threads; }));
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

TEST_F(WireConnection, Row2ConnectThatIsNotAnsweredEndsByTheDeadline) {
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

TEST(EndpointText, SaysWhere) {
    EXPECT_EQ(describe(Endpoint{"h", 7, {}}), "h:7");
    EXPECT_EQ(describe(Endpoint{"::1", 7, {}}), "[::1]:7");
    EXPECT_EQ(describe(Endpoint{{}, 0, "/run/s"}), "/run/s");
}

}  // namespace
}  // namespace leaselock::wire

// Goal: no record of TLS is lost, believed too early or waited for in vain, wherever the bytes are
// cut; and the session is what we demand of it, whatever the system's settings say. Method: the
// server's side of TLS in the same process, which says what the test says.
#include <array>
#include <dlfcn.h>
#include <fstream>
#include <future>
#include <gtest/gtest.h>
#include <netdb.h>
#include <openssl/conf.h>
#include <thread>

#include "support/certificates.hpp"
#include "support/poll_until.hpp"
#include "support/temp_dir.hpp"
#include "support/tls_peer.hpp"
#include "unit/wire_connection_fixture.hpp"
#include "wire/tls.hpp"

namespace leaselock::wire {
namespace {

using support::Certificates;
using support::TlsEnd;
using support::TlsPeer;

std::shared_ptr<const TlsContext> trusting(bool verify = true) {
    return std::make_shared<TlsContext>(
        TlsSettings{.verify = verify, .ca_file = Certificates::file("ca.pem")});
}

// Both ends, without a network.
struct Session {
    Tls client;
    TlsEnd server;
    std::string why{};

    Tls::Handshake shake_hands() {
        Tls::Handshake step = client.handshake({}, why);
        for (int i = 0; i < 5 && step == Tls::Handshake::more; ++i) {
            server.handshake(client.take_output());
            step = client.handshake(server.take_output(), why);
        }
        return step;
    }
};

class WireTls : public ::testing::Test {
  protected:
    void open(const TlsPeer& peer) {
        const Endpoint endpoint{"127.0.0.1", peer.port(), {}, trusting()};
        ASSERT_FALSE(connection_.open(endpoint, in(enough), why_)) << why_;
    }
    void ask() { ASSERT_FALSE(connection_.send(ping, in(enough)).error); }
    void expect_reply(const std::string& text) {
        ASSERT_EQ(connection_.receive(reply_, in(enough)), Received::reply);
        EXPECT_EQ(RespView{reply_}.text(), text);
    }

    Connection connection_{boot_clock()};
    RespValue reply_;
    std::string why_;
};

TEST_F(WireTls, RepliesInOneWriteWithTheGoodbyeAreAllReceived) {
    TlsPeer peer{[](TlsPeer::Talk& talk) {
        talk.handshake();
        talk.hear();
        talk.end().say("+one\r\n+two\r\n");
        talk.end().say_goodbye();
        talk.send_output();
        talk.receive();
    }};
    open(peer);
    ask();
    expect_reply("one");
    expect_reply("two");
    EXPECT_EQ(connection_.receive(reply_, in(enough)), Received::closed);
    connection_.close();
}

// The peer leaves the socket open: only the records say that nothing comes any more.
TEST_F(WireTls, GoodbyeEndsAReceiveAtOnceAndAgain) {
    TlsPeer peer{[](TlsPeer::Talk& talk) {
        talk.handshake();
        talk.hear();
        talk.end().say("+one\r\n");
        talk.end().say_goodbye();
        talk.send_output();
        talk.receive();
    }};
    open(peer);
    ask();
    expect_reply("one");
    const auto took = timed([&] {
        for (int i = 0; i < 2; ++i) {
            EXPECT_EQ(connection_.receive(reply_, in(enough)), Received::closed);
        }
    });
    EXPECT_LT(took, enough / 2);
    EXPECT_TRUE(connection_.is_stale());
    connection_.close();
}

TEST_F(WireTls, WhatCameWithTheEndOfTheHandshakeIsNotForgotten) {
    TlsPeer peer{[](TlsPeer::Talk& talk) {
        talk.end().answer_hello(talk.receive(), "-ERR no room\r\n");
        talk.send_output();
        while (!talk.receive().empty()) continue;
    }};
    open(peer);
    expect_reply("ERR no room");
    connection_.close();
}

// More than the sockets take, by sends that do not wait: each cuts a record anywhere.
TEST_F(WireTls, WhatIsCutInTheMidstOfARecordArrivesWholeAndOnce) {
    std::string much;
    while (much.size() < std::size_t{8} << 20) much += std::to_string(much.size()) + ' ';
    std::promise<void> full;
    std::string heard;
    TlsPeer peer{[&](TlsPeer::Talk& talk) {
        talk.handshake();
        full.get_future().wait();
        for (std::string next = talk.hear(); !next.empty(); next = talk.hear()) {
            heard += next;
            if (heard.size() < much.size()) continue;
            talk.end().say("+all\r\n");
            talk.send_output();
        }
    }};
    open(peer);
    std::string_view rest = much;
    int cuts = 0;
    while (!rest.empty()) {
        const Sent sent = connection_.send(rest, Clock::time_point::min());
        rest.remove_prefix(sent.bytes);
        if (!sent.error) continue;
        ASSERT_EQ(sent.error, Errc::command_timed_out);
        if (cuts++ == 0) full.set_value();
        std::this_thread::yield();
    }
    EXPECT_GT(cuts, 0);
    expect_reply("all");
    EXPECT_TRUE(heard == much);
    connection_.close();
}

TEST_F(WireTls, HalfARecordOnAnIdleConnectionIsStale) {
    for (const std::size_t count : {1U, 4U, 5U, 20U}) {
        TlsPeer peer{[&](TlsPeer::Talk& talk) {
            talk.handshake();
            talk.hear();
            talk.end().say("+one\r\n");
            talk.send_output();
            talk.hear();
            talk.end().say("+nobody asked for it\r\n");
            talk.send(talk.end().take_output().substr(0, count));
            talk.receive();
        }};
        open(peer);
        ask();
        expect_reply("one");
        EXPECT_FALSE(connection_.is_stale());
        ask();
        EXPECT_TRUE(support::poll_until([&] { return connection_.is_stale(); })) << count;
        connection_.close();
    }
}

// A line that is shorter than the head of a record.
TEST_F(WireTls, ShortAnswerThatIsNotTlsIsRefusedAtOnce) {
    support::ScriptedPeer peer;
    peer.on_connect([] { return support::Answer::reply("+\r\n"); });
    const Endpoint endpoint{"127.0.0.1", peer.port(), {}, trusting()};
    const auto took =
        timed([&] { EXPECT_EQ(connection_.open(endpoint, in(enough), why_), Errc::tls_failed); });
    EXPECT_NE(why_.find("does not speak TLS"), std::string::npos) << why_;
    EXPECT_LT(took, enough / 2);
}

// The ports of the two addresses of "two.test".
std::array<std::string, 2> ports_of_two;

TEST_F(WireTls, AddressThatIsRefusedIsNotTheLastThatIsTried) {
    support::ScriptedPeer plain;
    plain.on_connect([] { return support::Answer::reply("-ERR plain\r\n"); });
    const auto greet = [](TlsPeer::Talk& talk) {
        talk.handshake();
        talk.hear();
    };
    TlsPeer peer{greet};
    const Endpoint endpoint{
        "two.test",
        1,
        {},
        std::make_shared<TlsContext>(
            TlsSettings{.ca_file = Certificates::file("ca.pem"), .server_name = "localhost"})};
    ports_of_two = {std::to_string(plain.port()), std::to_string(peer.port())};
    EXPECT_FALSE(connection_.open(endpoint, in(enough), why_)) << why_;
    connection_.close();
    ports_of_two = {std::to_string(plain.port()), std::to_string(support::free_port())};
    EXPECT_EQ(connection_.open(endpoint, in(enough), why_), Errc::tls_failed) << why_;
    EXPECT_NE(why_.find("does not speak TLS"), std::string::npos) << why_;
    EXPECT_NE(why_.find("Connection refused"), std::string::npos) << why_;
}

TEST(TlsSession, ZoneOfAnAddressIsNoPartOfItsName) {
    Session session{{trusting(), "fe80::1%eth0"}, TlsEnd{"server"}};
    EXPECT_EQ(session.shake_hands(), Tls::Handshake::done) << session.why;
    Session other{{trusting(), "fe80::2%eth0"}, TlsEnd{"server"}};
    EXPECT_EQ(other.shake_hands(), Tls::Handshake::failed);
    EXPECT_NE(other.why.find("is not for 'fe80::2'"), std::string::npos) << other.why;
}

// What openssl.cnf of the system would say.
class SystemSettings {
  public:
    explicit SystemSettings(const std::string& lines) {
        load("MinProtocol = None\nMaxProtocol = None\nCipherString = DEFAULT\n" + lines);
    }
    SystemSettings(const SystemSettings&) = delete;
    SystemSettings& operator=(const SystemSettings&) = delete;
    ~SystemSettings() { load(""); }

  private:
    void load(const std::string& lines) const {
        const std::string path = directory_.file("openssl.cnf");
        std::ofstream{path} << "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\n"
                               "system_default = default\n[default]\n"
                            << lines;
        EXPECT_EQ(CONF_modules_load_file(path.c_str(), nullptr, 0), 1);
    }

    support::TempDir directory_;
};

TEST(TlsSession, VersionIsAtLeast12AndWhatTheSystemDemands) {
    for (const auto& [lines, least] :
         {std::pair{"MinProtocol = TLSv1.3\n", TLS1_3_VERSION},
          std::pair{"MinProtocol = TLSv1\n", TLS1_2_VERSION}, std::pair{"", TLS1_2_VERSION}}) {
        const SystemSettings settings{lines};
        EXPECT_EQ(SSL_CTX_get_min_proto_version(trusting()->raw()), least) << lines;
    }
}

TEST(TlsSession, ServerWithoutACertificateIsRefusedWhateverCiphersTheSystemAllows) {
    const SystemSettings settings{"MaxProtocol = TLSv1.2\nCipherString = aNULL@SECLEVEL=0\n"};
    Session careless{{trusting(false), "localhost"}, TlsEnd{""}};
    EXPECT_EQ(careless.shake_hands(), Tls::Handshake::done) << careless.why;
    Session session{{trusting(), "localhost"}, TlsEnd{""}};
    EXPECT_EQ(session.shake_hands(), Tls::Handshake::failed);
    EXPECT_NE(session.why.find("shows no certificate"), std::string::npos) << session.why;
}

TEST(TlsSession, NothingIsNegotiatedAnew) {
    const SystemSettings settings{"MaxProtocol = TLSv1.2\n"};
    Session session{{trusting(), "localhost"}, TlsEnd{"server"}};
    ASSERT_EQ(session.shake_hands(), Tls::Handshake::done) << session.why;
    session.server.ask_to_renegotiate();
    Parser parser;
    (void)session.client.decrypt(session.server.take_output(), parser);
    const std::string answer = session.client.take_output();
    ASSERT_FALSE(answer.empty());
    constexpr char alert = 21;
    EXPECT_EQ(answer.front(), alert) << "and no new hello";
}

}  // namespace
}  // namespace leaselock::wire

// Taken by the linker before the system's.
extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                           addrinfo** found) {
    static const auto system =
        reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    const bool is_address = (hints->ai_flags & AI_NUMERICHOST) != 0;
    if (is_address || std::string{host} != "two.test") {
        return system(host, service, hints, found);
    }
    addrinfo** next = found;
    for (const std::string& port : leaselock::wire::ports_of_two) {
        const int error = system("127.0.0.1", port.c_str(), hints, next);
        if (error != 0) return error;
        next = &(*next)->ai_next;
    }
    return 0;
}

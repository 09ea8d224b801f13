// Goal: rediss:// is TLS 1.2 or later with the server that was meant, or an error that says what is
// wrong with it; never plain, and the manager works once the server is right. Method: real
// redis-servers with certificates of the test's own, good and bad, and the weather machine between.
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/testing/detail/granted.hpp>

#include "fault/fault_fixture.hpp"
#include "support/certificates.hpp"
#include "support/scripted_peer.hpp"
#include "support/weather_proxy.hpp"

namespace leaselock {
namespace {

using namespace support;
using Fate = WeatherProxy::Fate;

// What acquire says, with its code in `error`.
std::string refusal(LockManager& locks, Errc& error) {
    try {
        const auto lock = locks.acquire("key");
        error = Errc{};
        return lock ? "acquired" : "held";
    } catch (const LockError& thrown) {
        error = static_cast<Errc>(thrown.code().value());
        return thrown.what();
    }
}

void expect_refused(const std::string& url, const std::string& why,
                    milliseconds timeout = long_timeout) {
    LockManager locks = manager_on(url, timeout);
    Errc error{};
    std::string text;
    const auto took = time_of([&] { text = refusal(locks, error); });
    EXPECT_EQ(error, Errc::tls_failed) << text;
    EXPECT_EQ(family(error), Family::refused);
    EXPECT_NE(text.find(why), std::string::npos) << text;
    EXPECT_LT(took, 2 * timeout * patience);
}

TEST(Tls, WorksForTheNameAndTheAddressOfTheCertificate) {
    TlsServer server;
    for (const std::string host : {"localhost", "127.0.0.1"}) {
        LockManager locks = manager_on(server.url(host));
        for (int i = 0; i < 3; ++i) expect_works(locks);
    }
    EXPECT_EQ(info(server.plain(), "commandstats", "cmdstat_evalsha").substr(0, 9), "calls=12,");
}

TEST(Tls, BothVersionsWork) {
    for (const std::string version : {"TLSv1.2", "TLSv1.3"}) {
        TlsServer server{"server", {"--tls-protocols", version}};
        LockManager locks = manager_on(server.url());
        expect_works(locks);
    }
}

TEST(Tls, Row52UnknownAuthorityIsRefused) {
    TlsServer server;
    expect_refused(server.url("localhost", "other-ca.pem"), "certificate is not trusted");
}

TEST(Tls, SystemAuthoritiesDoNotKnowTheTests) {
    TlsServer server;
    expect_refused("rediss://localhost:" + std::to_string(server.port()), "is not trusted");
}

TEST(Tls, Row52WrongHostNameIsRefusedUnlessItIsTheOneAskedFor) {
    TlsServer server{"elsewhere"};
    expect_refused(server.url(), "certificate is not for 'localhost'");
    expect_refused(server.url("127.0.0.1"), "certificate is not for '127.0.0.1'");
    LockManager locks = manager_on(server.url() + "&server_name=elsewhere.example");
    expect_works(locks);
}

TEST(Tls, Row52ExpiredCertificateIsRefused) {
    TlsServer server{"expired"};
    expect_refused(server.url(), "certificate has expired");
}

TEST(Tls, VerificationIsSwitchedOffByNameOnly) {
    TlsServer server{"expired"};
    LockManager locks = manager_on(server.url("127.0.0.1", "other-ca.pem") + "&verify=off");
    expect_works(locks);
    const RedisOptions stricter{.url = server.url() + "&verify=off", .tls = {.verify = true}};
    LockManager strict = manager_on(make_redis_backend(stricter));
    Errc error{};
    EXPECT_NE(refusal(strict, error).find("expired"), std::string::npos) << "the field goes first";
}

TEST(Tls, Row52PlainServerBehindRedissIsRefused) {
    RedisServer server;
    expect_refused("rediss://localhost:" + std::to_string(server.port()) +
                       "?ca_file=" + Certificates::file("ca.pem"),
                   "does not speak TLS", 6s);
}

// redis-server ends such a connection without a word, so it is asked.
TEST(Tls, Row52TlsServerBehindRedisIsRefused) {
    TlsServer server;
    const std::string address = "127.0.0.1:" + std::to_string(server.port());
    expect_refused("redis://" + address, "the server speaks TLS; it is reached by rediss://");
    expect_refused("redis+cluster://" + address, "it is reached by rediss+cluster://");
    expect_refused("redis+sentinel://" + address + "/mymaster",
                   "it is reached by rediss+sentinel://");
}

// Whoever else hangs up is not there.
TEST(Tls, ServerThatHangsUpWithoutSpeakingTlsIsUnavailable) {
    ScriptedPeer peer;
    peer.on_connect([] { return Answer::close(); });
    LockManager locks = manager_on(peer.url());
    expect_cannot_acquire(locks, Errc::connect_failed);
}

// Others answer with an alert.
TEST(Tls, Row52AlertBehindRedisIsRefused) {
    ScriptedPeer peer;
    peer.on_command([](const auto&) { return Answer::close("\x15\x03\x01\x02\x02\x02\x46"); });
    expect_refused(peer.url(), "the server speaks TLS");
}

TEST(Tls, Row52OldVersionIsRefused) {
    TlsServer server{"server", {"--tls-protocols", "TLSv1.1"}};
    expect_refused(server.url(), "does not speak TLS 1.2 or later");
}

TEST(Tls, ClientCertificateIsShownToAServerThatAsks) {
    TlsServer server{"server", {"--tls-auth-clients", "yes"}};
    expect_refused(server.url(), "certificate required");
    LockManager locks =
        manager_on(make_redis_backend({.url = server.url(),
                                       .tls = {.cert_file = Certificates::file("client.pem"),
                                               .key_file = Certificates::file("client.key")}}));
    expect_works(locks);
}

// What TLS 1.3 says after the handshake, unasked, is no reason to begin again.
TEST(Tls, IdleConnectionIsKept) {
    TlsServer server;
    LockManager locks = manager_on(server.url());
    expect_works(locks);
    const std::string before = info(server.plain(), "stats", "total_connections_received");
    for (int i = 0; i < 3; ++i) {
        let_idle();
        expect_works(locks);
    }
    EXPECT_EQ(info(server.plain(), "stats", "total_connections_received"), before);
    server.plain().restart();
    let_idle();
    expect_works(locks);
}

TEST(Tls, TheManagerWorksWhenTheCertificateIsMended) {
    TempDir directory;
    const auto use = [&](const std::string& name) {
        for (const std::string end : {".pem", ".key"}) {
            std::filesystem::copy_file(Certificates::file(name + end),
                                       directory.file("current" + end),
                                       std::filesystem::copy_options::overwrite_existing);
        }
    };
    use("expired");
    TlsServer server{"server",
                     {"--tls-cert-file", directory.file("current.pem"), "--tls-key-file",
                      directory.file("current.key")}};
    LockManager locks = manager_on(server.url());
    expect_cannot_acquire(locks, Errc::tls_failed);
    use("server");
    server.plain().restart();
    expect_works(locks);
}

// Two threads at once use one session: one sends while another receives.
TEST(Tls, ManyThreadsShareOneSession) {
    TlsServer server;
    LockManager locks = manager_on(server.url());
    std::vector<std::thread> threads;
    for (int n = 0; n < 8; ++n) {
        threads.emplace_back([&, n] {
            const std::string key = "key-" + std::string(static_cast<std::size_t>(n) * 40, 'x');
            for (int i = 0; i < 50; ++i) expect_works(locks, key);
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(info(server.plain(), "commandstats", "cmdstat_evalsha").substr(0, 10), "calls=800,");
}

class TlsWeather : public ::testing::Test {
  protected:
    void SetUp() override { expect_works(locks_); }

    TlsServer server_;
    WeatherProxy proxy_{server_.port()};
    std::string url_ = "rediss://127.0.0.1:" + std::to_string(proxy_.port()) +
                       "?ca_file=" + Certificates::file("ca.pem");
    LockManager locks_ = manager_on(url_);
};

TEST_F(TlsWeather, Row52ReplyThatIsTruncatedOrResetIsAskedForAgain) {
    for (const Fate fate : {Fate::truncated, Fate::reset, Fate::closed}) {
        proxy_.strike(Way::replies, 1, fate);
        expect_works(locks_);
        EXPECT_TRUE(proxy_.has_struck(Way::replies));
    }
}

TEST_F(TlsWeather, Row52CorruptRecordEndsTheConnectionAndNothingOfItIsBelieved) {
    const std::size_t before = proxy_.connections();
    proxy_.strike(Way::replies, 1, Fate::corrupt);
    expect_works(locks_);
    EXPECT_GT(proxy_.connections(), before);
}

TEST_F(TlsWeather, HandshakeIsUnderTheOneDeadline) {
    LockManager hasty = manager_on(url_, short_timeout);
    for (const bool drips : {false, true}) {
        if (drips) {
            proxy_.slow_down(Way::replies, 0ms, short_timeout / 2);
        } else {
            proxy_.set_sky(WeatherProxy::Sky::stall);
        }
        const auto took = time_of([&] { expect_cannot_acquire(hasty, Errc::connect_failed); });
        EXPECT_LT(took, 2 * short_timeout * patience);
        proxy_.set_sky(WeatherProxy::Sky::clear);
        proxy_.slow_down(Way::replies, 0ms);
    }
    proxy_.drop_all();
    let_idle();
    expect_works(locks_);
}

TEST_F(TlsWeather, NoDescriptorIsLeftBehind) {
    const auto before = count_descriptors();
    for (const Fate fate : {Fate::reset, Fate::corrupt, Fate::closed, Fate::truncated}) {
        proxy_.drop_all();
        let_idle();
        proxy_.strike(Way::replies, 1, fate);  // in the handshake
        std::error_code ec;
        EXPECT_FALSE(granted(locks_.acquire("key", {}, ec)));
        expect_works(locks_);
    }
    EXPECT_TRUE(poll_until([&] { return count_descriptors() <= before; }));
}

}  // namespace
}  // namespace leaselock

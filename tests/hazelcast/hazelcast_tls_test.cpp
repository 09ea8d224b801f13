// Goal: by hazelcasts:// nothing is ever said to a member without TLS, to none that the URL names
// and to none that the cluster tells of; and what cannot be trusted is said in its own words.
// Method: the cluster that all tests share, which has no TLS of its own (that needs a licence),
// with a front before each member that speaks it.
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include <leaselock/hazelcast.hpp>
#include <leaselock/lock_manager.hpp>
#include <leaselock/scoped_distributed_lock.hpp>

#include "support/certificates.hpp"
#include "support/hazelcast_cluster.hpp"
#include "support/poll_until.hpp"
#include "support/tls_front.hpp"

namespace leaselock {
namespace {

using support::Certificates;
using support::HazelcastClient;
using support::HazelcastCluster;
using support::poll_until;
using support::TlsFront;
using namespace std::chrono_literals;

std::string host_of(std::uint16_t port, const std::string& host = "localhost") {
    return host + ':' + std::to_string(port);
}

class HazelcastTls : public ::testing::Test {
  protected:
    static constexpr const char* path = "/leaselock-test?command_timeout=30s";

    // What a user writes for these: the hosts are names, which are those of the certificate.
    [[nodiscard]] HazelcastOptions options(const std::string& hosts, const char* ca = "ca.pem") {
        return {.url = "hazelcasts://" + hosts + path, .tls = {.ca_file = Certificates::file(ca)}};
    }
    // Before each member.
    void open_fronts() {
        for (const HazelcastCluster::Member& member : cluster_.members()) {
            fronts_.push_back(std::make_unique<TlsFront>(member.port));
            addresses_[host_of(member.port, "127.0.0.1")] = host_of(fronts_.back()->port());
        }
    }
    [[nodiscard]] LockManager manager_of(const HazelcastOptions& options) const {
        LockManager locks{{.prefix = prefix_, .backend = "store"}};
        locks.register_backend("store", make_hazelcast_backend(options));
        return locks;
    }
    void expect_refused(const HazelcastOptions& options, Errc expected,
                        const std::string& words) const {
        LockManager locks = manager_of(options);
        try {
            (void)locks.inspect("key");
            ADD_FAILURE() << words;
        } catch (const LockError& error) {
            EXPECT_EQ(static_cast<Errc>(error.code().value()), expected) << error.what();
            EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
        }
    }
    [[nodiscard]] std::uint16_t member_port() const { return cluster_.members().front().port; }

    const HazelcastCluster cluster_ = HazelcastCluster::of_tests();
    const std::string prefix_ =
        "tls:" + std::to_string(boot_clock()->now().time_since_epoch().count()) + ':';
    std::vector<std::unique_ptr<TlsFront>> fronts_;
    std::map<std::string, std::string> addresses_;
};

TEST_F(HazelcastTls, LockOverTlsIsTheOneThatOthersSee) {
    open_fronts();
    LockManager locks = connect("hazelcasts://" + host_of(fronts_[0]->port()) + path +
                                    "&ca_file=" + Certificates::file("ca.pem"),
                                {.prefix = prefix_});
    auto lock = locks.acquire("key");
    ASSERT_TRUE(lock.has_value());
    EXPECT_EQ(fronts_[0]->connections(), 1);
    HazelcastClient plain{cluster_};
    EXPECT_EQ(plain.owner(prefix_ + "key").fence, lock->fencing_token());
    EXPECT_EQ(lock->release(), ReleaseResult::released);
    EXPECT_EQ(plain.owner(prefix_ + "key").count, 0U);
}

TEST_F(HazelcastTls, MemberThatTheClusterTellsOfIsReachedByTlsAtItsRealAddress) {
    open_fronts();
    HazelcastOptions by = options(host_of(fronts_[0]->port()));
    by.member_addresses = addresses_;
    LockManager locks = manager_of(by);
    auto lock = locks.acquire("other-member");
    ASSERT_TRUE(lock.has_value());
    fronts_[0]->stop();
    EXPECT_TRUE(poll_until([&] {
        std::error_code ec;
        (void)locks.inspect("other-member", {}, ec);
        return !ec && fronts_[1]->connections() + fronts_[2]->connections() > 0;
    }));
    EXPECT_TRUE(lock->owns_lock());
    EXPECT_EQ(lock->release(), ReleaseResult::released);
}

// They announce the addresses at which they speak plainly.
TEST_F(HazelcastTls, MembersThatAreKnownAsPlainAreNotSpokenTo) {
    open_fronts();
    LockManager locks = manager_of(options(host_of(fronts_[0]->port())));
    {
        auto lock = locks.acquire("key");
        ASSERT_TRUE(lock.has_value());
        EXPECT_EQ(lock->release(), ReleaseResult::released);
    }
    fronts_[0]->stop();
    std::string text;
    EXPECT_TRUE(poll_until([&] {
        try {
            (void)locks.inspect("key");
            return false;
        } catch (const LockError& error) {
            text = error.what();
            return error.code() == Errc::connect_failed;
        }
    })) << text;
    EXPECT_NE(text.find(host_of(member_port(), "127.0.0.1") + ": the connection was closed at our "
                                                              "hello: does the server speak TLS?"),
              std::string::npos)
        << text;
}

TEST_F(HazelcastTls, EachServerThatCannotBeTrustedIsSaidInItsOwnWords) {
    const TlsFront front{member_port()};
    const TlsFront elsewhere{member_port(), "elsewhere"};
    const TlsFront expired{member_port(), "expired"};
    const auto failed = Errc::tls_failed;
    expect_refused(options(host_of(front.port()), "other-ca.pem"), failed, "is not trusted");
    expect_refused(options(host_of(elsewhere.port())), failed, "is not for 'localhost'");
    expect_refused(options(host_of(expired.port())), failed, "has expired");
    HazelcastOptions named = options(host_of(elsewhere.port()));
    named.tls.server_name = "elsewhere.example";
    EXPECT_NO_THROW((void)manager_of(named).inspect("key"));
}

TEST_F(HazelcastTls, SchemeThatIsNotTheMembersIsSaid) {
    const TlsFront front{member_port()};
    expect_refused(options(host_of(member_port())), Errc::connect_failed,
                   "closed at our hello: does the server speak TLS?");
    expect_refused({.url = "hazelcast://" + host_of(front.port()) + path}, Errc::tls_failed,
                   "the server speaks TLS; it is reached by hazelcasts://");
}

TEST_F(HazelcastTls, WrongClusterIsSaidOverTlsToo) {
    const TlsFront front{member_port()};
    HazelcastOptions wrong = options(host_of(front.port()));
    wrong.url = "hazelcasts://" + host_of(front.port()) + "/no-such-cluster";
    expect_refused(wrong, Errc::authentication_failed, "not named 'no-such-cluster'");
}

}  // namespace
}  // namespace leaselock

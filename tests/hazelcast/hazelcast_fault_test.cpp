// Goal: what fails in a real cluster costs no holder its lock, gives none to two, and is said in
// its own words; other clients of the cluster exclude us and are excluded. Method: the cluster that
// all tests share, beside a plain client that calls as a Java client does; members that stand
// still, and servers that are none.
#include <atomic>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <leaselock/fence_guard.hpp>
#include <leaselock/hazelcast.hpp>
#include <leaselock/lock_manager.hpp>
#include <leaselock/scoped_distributed_lock.hpp>

#include "support/free_port.hpp"
#include "support/hazelcast_cluster.hpp"
#include "support/poll_until.hpp"
#include "support/weather_proxy.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::HazelcastClient;
using support::HazelcastCluster;
using support::poll_until;

class HazelcastFault : public ::testing::Test {
  protected:
    LockManager manager(std::size_t member = 0) {
        return connect(cluster_.url(member), {.prefix = prefix_});
    }
    static bool gets(LockManager& locks, const std::string& key) {
        const auto lock = locks.acquire(key);
        return lock.has_value();
    }
    [[nodiscard]] std::string name(const std::string& key) const { return prefix_ + key; }

    const HazelcastCluster cluster_ = HazelcastCluster::of_tests();
    const std::string prefix_ =
        "fault:" + std::to_string(boot_clock()->now().time_since_epoch().count()) + ':';
    HazelcastClient client_{cluster_};
};

TEST_F(HazelcastFault, OtherClientsExcludeUsAndAreExcluded) {
    LockManager locks = manager();
    const std::uint64_t session = client_.new_session();
    const std::uint64_t first = client_.try_lock(name("key"), session, 7);
    ASSERT_GT(first, 0U);
    EXPECT_FALSE(gets(locks, "key"));
    EXPECT_EQ(locks.inspect("key").fencing_token, first);

    // It has it twice, as a thread that locks again.
    EXPECT_EQ(client_.try_lock(name("key"), session, 7), first);
    client_.unlock(name("key"), session, 7);
    EXPECT_FALSE(gets(locks, "key"));
    client_.unlock(name("key"), session, 7);

    auto ours = locks.acquire("key");
    ASSERT_TRUE(ours.has_value());
    EXPECT_GT(ours->fencing_token(), first);
    EXPECT_EQ(client_.owner(name("key")).fence, ours->fencing_token());
    EXPECT_EQ(client_.try_lock(name("key"), session, 7), 0U);
    const std::uint64_t fence = ours->fencing_token();
    EXPECT_EQ(ours->release(), ReleaseResult::released);
    EXPECT_GT(client_.try_lock(name("key"), session, 7), fence);
    client_.close_session(session);
}

// A manager whose try, or the answer to it, is held up on its way for longer than it waits.
class HazelcastLate : public HazelcastFault {
  protected:
    void lose_time(support::Way way) {
        ASSERT_TRUE(kept_.has_value()) << "so the session lives on";
        proxy_.strike(way, 1, support::WeatherProxy::Fate::late);
        std::error_code ec;
        const auto lock = locks_.acquire("key", {.wait_timeout = 1s}, ec);
        ASSERT_FALSE(lock.has_value());
        EXPECT_EQ(ec, Errc::command_timed_out);
    }
    void expect_free_for_others() {
        auto next = others_.acquire("key", {.wait_timeout = 50s});
        ASSERT_TRUE(next.has_value());
        // What comes yet of the clean-up takes nothing from anybody.
        proxy_.let_go();
        EXPECT_TRUE(locks_.inspect("key").held);
        EXPECT_EQ(client_.owner(name("key")).fence, next->fencing_token());
        EXPECT_EQ(next->release(), ReleaseResult::released);
    }

    support::WeatherProxy proxy_{cluster_.members().front().port,
                                 support::WeatherProxy::Splits::reads};
    LockManager locks_ = connect("hazelcast://127.0.0.1:" + std::to_string(proxy_.port()) +
                                     "/leaselock-test?connect_timeout=40s",
                                 {.prefix = prefix_});
    LockManager others_ = manager(1);
    Acquired<ScopedDistributedLock> kept_ = locks_.acquire("kept", {.wait_timeout = 50s});
};

TEST_F(HazelcastLate, AcquireWithALateAnswerLeavesTheLockToOthers) {
    lose_time(support::Way::replies);
    expect_free_for_others();
}

TEST_F(HazelcastLate, AcquireThatRunsLateLeavesTheLockToOthers) {
    lose_time(support::Way::requests);
    EXPECT_EQ(client_.owner(name("key")).count, 0U) << "it has not run yet";
    proxy_.let_go();
    expect_free_for_others();
}

TEST_F(HazelcastFault, LockThatAGuardHasLeftIsFreeForTheNextCall) {
    LockManager locks = manager();
    for (int i = 0; i < 500; ++i) {
        const auto lock = locks.acquire("key");
        ASSERT_TRUE(lock.has_value()) << i;
    }
}

TEST_F(HazelcastFault, OtherClientsAndOursStandInOneQueue) {
    LockManager locks = manager();
    HazelcastClient waits{cluster_, 1};
    const std::uint64_t session = client_.new_session();
    auto held = locks.acquire("key");
    ASSERT_TRUE(held.has_value());
    std::atomic<std::uint64_t> theirs{0};
    std::jthread waiter{[&] {
        theirs = waits.try_lock(name("key"), session, 7, 60s);
        waits.unlock(name("key"), session, 7);
    }};
    // Whichever of the two is the first.
    EXPECT_EQ(held->release(), ReleaseResult::released);
    auto next = locks.acquire("key", {.wait_timeout = 30s});
    ASSERT_TRUE(next.has_value());
    EXPECT_EQ(next->release(), ReleaseResult::released);
    EXPECT_TRUE(poll_until([&] {
        client_.heartbeat(session);
        return theirs > 0;
    }));
    waiter.join();
}

// As by a process that was killed: its session has no heartbeat any more.
TEST_F(HazelcastFault, HolderWithoutHeartbeatLosesTheLockWhenItsSessionExpires) {
    LockManager locks = manager();
    const std::uint64_t session = client_.new_session();
    const auto begin = boot_clock()->now();
    const std::uint64_t fence = client_.try_lock(name("key"), session, 7);
    const auto lock = locks.acquire("key", {.wait_timeout = 50s});
    ASSERT_TRUE(lock.has_value());
    EXPECT_GE(boot_clock()->now() - begin, HazelcastCluster::session_ttl - 100ms);
    EXPECT_GT(lock->fencing_token(), fence);
}

TEST_F(HazelcastFault, EndOfOurSessionIsALossOfTheLock) {
    LockManager locks = manager();
    auto other = locks.acquire("other");
    auto lock = locks.acquire("key");
    ASSERT_TRUE(lock.has_value() && other.has_value());
    // Closed by somebody else, as by an operator.
    client_.close_session(client_.owner(name("key")).session);
    const auto are_lost = [&] { return !lock->owns_lock() && !other->owns_lock(); };
    EXPECT_TRUE(poll_until(are_lost, 10 * HazelcastCluster::session_ttl));
    for (const auto* each : {&lock, &other}) {
        try {
            (*each)->ensure();
            ADD_FAILURE() << "held for ever";
        } catch (const LockLost& loss) {
            EXPECT_EQ(loss.cause(), LockLost::Cause::session_expired);
        }
    }
    EXPECT_EQ(lock->release(), ReleaseResult::lost);
    EXPECT_TRUE(gets(locks, "key")) << "by a new session";
}

TEST_F(HazelcastFault, ForcedReleaseIsFoundAtTheNextRenewal) {
    LockManager locks = manager();
    LockManager operators = manager(1);
    auto lock = locks.acquire("key");
    ASSERT_TRUE(lock.has_value());
    EXPECT_TRUE(operators.force_release("key").held);
    EXPECT_FALSE(operators.inspect("key").held);
    EXPECT_TRUE(poll_until([&] { return !lock->owns_lock(); }, 10 * HazelcastCluster::session_ttl));
}

TEST_F(HazelcastFault, CopyOfAnAcquireIsNoWayBackToAGrantThatWasReleasedByForce) {
    LockManager locks = manager();
    const std::uint64_t session = client_.new_session();
    const std::uint64_t fence = client_.try_lock(name("key"), session, 7);
    EXPECT_EQ(client_.try_lock_again(name("key"), session, 7), fence);
    EXPECT_TRUE(locks.force_release("key").held) << "and members forget what they answered";
    const auto lock = locks.acquire("key");
    EXPECT_TRUE(lock && client_.try_lock_again(name("key"), session, 7) == 0U);
}

TEST_F(HazelcastFault, LeaseWithoutRenewalEndsByOurRelease) {
    LockManager locks = manager();
    LockManager others = manager(1);
    auto lock = locks.acquire("key", {.renewal = Renewal::off});
    ASSERT_TRUE(lock.has_value());
    auto kept = locks.acquire("other");
    ASSERT_TRUE(kept.has_value()) << "so the session lives on";
    const auto next = others.acquire("key", {.wait_timeout = 50s});
    ASSERT_TRUE(next.has_value());
    EXPECT_FALSE(lock->owns_lock());
    EXPECT_TRUE(kept->owns_lock());
}

// The session outlives the lock, and is prolonged for another one.
TEST_F(HazelcastFault, HoldEndsAtMaxHoldByOurRelease) {
    constexpr auto max_hold = HazelcastCluster::session_ttl + 1s;
    LockManager locks = manager();
    LockManager others = manager(1);
    auto kept = locks.acquire("other");
    ASSERT_TRUE(kept.has_value());
    const auto begin = boot_clock()->now();
    auto lock = locks.acquire("key", {.ttl = HazelcastCluster::session_ttl, .max_hold = max_hold});
    ASSERT_TRUE(lock.has_value());
    const auto next = others.acquire("key", {.wait_timeout = 50s});
    ASSERT_TRUE(next.has_value());
    EXPECT_GE(boot_clock()->now() - begin, max_hold) << "it was renewed until then";
    EXPECT_GT(next->fencing_token(), lock->fencing_token());
    EXPECT_FALSE(lock->owns_lock());
    EXPECT_TRUE(kept->owns_lock());
    EXPECT_EQ(lock->release(), ReleaseResult::lost);
}

TEST_F(HazelcastFault, EndOfABackendFreesWhatItsSessionHolds) {
    const std::uint64_t session = client_.new_session();
    {
        LockManager locks = manager();
        auto lock = locks.acquire("key");
        ASSERT_TRUE(lock.has_value());
    }
    EXPECT_GT(client_.try_lock(name("key"), session, 7), 0U);
    client_.close_session(session);
}

// A member that stands still, until the end of this.
class Standstill {
  public:
    Standstill(const HazelcastCluster& cluster, std::size_t member)
        : cluster_{cluster}, member_{member} {
        cluster_.pause(member_);
    }
    Standstill(const Standstill&) = delete;
    Standstill& operator=(const Standstill&) = delete;
    ~Standstill() { cluster_.resume(member_); }

    // False: the condition did not hold all the time.
    template <class Condition>
    static bool lasts(Clock::duration time, Condition condition) {
        const auto until = boot_clock()->now() + time;
        bool held = true;
        (void)poll_until(
            [&] {
                held = held && condition();
                return !held || boot_clock()->now() >= until;
            },
            60s);
        return held;
    }

  private:
    const HazelcastCluster& cluster_;
    const std::size_t member_;
};

// Each in its turn. One of them leads the group, which has no other leader for 25 s when this one
// stands still: so nothing can be prolonged then, and what is held is lost rather than doubted. The
// cluster moves the lead when one member leads more groups than another, perhaps to the member
// whose turn is next; so there is a second turn.
TEST_F(HazelcastFault, MemberThatStandsStillCostsNoHolderItsLockUnlessItLeads) {
    int kept = 0;
    for (std::size_t turn = 0; kept < 2 && turn < 2 * cluster_.members().size(); ++turn) {
        const std::size_t member = turn % cluster_.members().size();
        // A member that does not answer is left after 2 s.
        LockManager locks = connect(cluster_.url(member, "/leaselock-test?connect_timeout=1s"),
                                    {.prefix = prefix_});
        auto lock = locks.acquire("key" + std::to_string(turn), {.wait_timeout = 50s});
        ASSERT_TRUE(lock.has_value());
        bool owned = false;
        {
            const Standstill still{cluster_, member};
            owned = Standstill::lasts(2 * HazelcastCluster::session_ttl,
                                      [&] { return lock->owns_lock(); });
        }
        const auto after = locks.acquire("other" + std::to_string(turn), {.wait_timeout = 50s});
        ASSERT_TRUE(after.has_value());
        if (owned) ++kept;
        const ReleaseResult result = lock->release();
        EXPECT_TRUE(!owned || result == ReleaseResult::released);
        EXPECT_GE(locks.stats().reconnects, 1U) << "another member was taken";
    }
    EXPECT_EQ(kept, 2);
}

// Threads of several managers at several members, while one member after the other stands still.
TEST_F(HazelcastFault, NobodyIsInsideWithAnotherWhileMembersStandStill) {
    std::atomic<int> overlaps{0};
    std::atomic<int> entries{0};
    std::atomic<std::uint64_t> newest{0};
    std::atomic<bool> is_over{false};
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < 6; ++i) {
        workers.emplace_back([&, i] {
            LockManager locks = manager(i);
            while (!is_over) {
                std::error_code ec;
                auto lock = locks.acquire("key", {.wait_timeout = 20s}, ec);
                if (!lock) continue;
                const std::uint64_t fence = lock->fencing_token();
                std::uint64_t before = newest;
                while (before < fence && !newest.compare_exchange_weak(before, fence)) {
                }
                ++entries;
                const bool is_alone = before < fence && newest == fence;
                // A lease may have ended while its thread did not run.
                if (!is_alone && lock->owns_lock()) ++overlaps;
                (void)lock->release(ec);
            }
        });
    }
    for (std::size_t member = 0; member < cluster_.members().size(); ++member) {
        {
            const Standstill still{cluster_, member};
            (void)Standstill::lasts(3s, [] { return true; });
        }
        const int before = entries;
        EXPECT_TRUE(poll_until([&] { return entries > before + 20; }, 40s)) << member;
    }
    is_over = true;
    workers.clear();
    EXPECT_EQ(overlaps, 0) << "somebody owned the lock after a newer grant";
}

Errc code_of(const std::string& url, std::string& text) {
    LockManager locks = connect(url);
    try {
        (void)locks.inspect("key");
    } catch (const LockError& error) {
        text = error.what();
        return static_cast<Errc>(error.code().value());
    }
    return Errc{};
}

TEST_F(HazelcastFault, EachWrongServerIsSaidInItsOwnWords) {
    std::string text;
    EXPECT_EQ(code_of(cluster_.url(0, "/no-such-cluster"), text), Errc::authentication_failed);
    EXPECT_NE(text.find("not named 'no-such-cluster'"), std::string::npos) << text;

    // A member without security knows no user at all.
    const std::string url = cluster_.url(0);
    const std::string rest = url.substr(url.find("://") + 3);
    EXPECT_EQ(code_of("hazelcast://me:secret@" + rest, text), Errc::authentication_failed);
    EXPECT_NE(text.find("or user or password are wrong"), std::string::npos) << text;
    EXPECT_EQ(text.find("secret"), std::string::npos) << text;

    EXPECT_EQ(code_of("hazelcast://127.0.0.1:" + std::to_string(support::free_port()), text),
              Errc::connect_failed);
    EXPECT_NE(text.find("Connection refused"), std::string::npos) << text;

    // One that waits for more, as a Redis does.
    std::uint16_t silent_port = 0;
    const int silent = support::bind_any_port(silent_port);
    ASSERT_EQ(::listen(silent, 4), 0);
    EXPECT_EQ(
        code_of("hazelcast://127.0.0.1:" + std::to_string(silent_port) + "/dev?connect_timeout=1s",
                text),
        Errc::connect_failed);
    EXPECT_NE(text.find("no answer to our authentication: is it a Hazelcast"), std::string::npos)
        << text;
    ::close(silent);

    // A server that speaks something else.
    std::uint16_t port = 0;
    const int listening = support::bind_any_port(port);
    ASSERT_EQ(::listen(listening, 4), 0);
    std::jthread server{[listening] {
        const int fd = ::accept(listening, nullptr, nullptr);
        constexpr std::string_view says = "HTTP/1.1 400 Bad Request\r\n\r\n";
        (void)::send(fd, says.data(), says.size(), MSG_NOSIGNAL);
        char byte = 0;
        while (::recv(fd, &byte, 1, 0) > 0) {
        }
        ::close(fd);
    }};
    EXPECT_EQ(code_of("hazelcast://127.0.0.1:" + std::to_string(port), text), Errc::not_supported);
    EXPECT_NE(text.find("does not speak Hazelcast's protocol"), std::string::npos) << text;
    server.join();
    ::close(listening);
}

}  // namespace
}  // namespace leaselock

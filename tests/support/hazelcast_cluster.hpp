// The members of a Hazelcast cluster that tests/hazelcast/cluster.py has started, and a plain
// client of it that blocks for its answers: a way to look at the cluster beside the backend under
// test.
//
// Thread-safety: a cluster, all calls from all threads at once, but restart() and restart_all()
// from one thread alone; a client, one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <leaselock/clock.hpp>

#include "hazelcast/member.hpp"
#include "hazelcast/message.hpp"

namespace leaselock::support {

class HazelcastCluster {
  public:
    struct Member {
        std::uint16_t port = 0;
        int pid = 0;
    };
    static constexpr std::string_view name = "leaselock-test";
    // As its configuration says.
    static constexpr std::chrono::seconds session_ttl{5};

    // Reads where the members are. Throws std::runtime_error: nobody has started them.
    explicit HazelcastCluster(std::string directory);
    // That of the tests, which ctest starts as a fixture.
    [[nodiscard]] static HazelcastCluster of_tests();

    [[nodiscard]] const std::vector<Member>& members() const noexcept { return members_; }
    // hazelcast://, with the member of that number first, and `rest` after the hosts.
    [[nodiscard]] std::string url(std::size_t first = 0,
                                  const std::string& rest = "/leaselock-test") const;
    // The process of a member stands still, and goes on.
    void pause(std::size_t member) const;
    void resume(std::size_t member) const;
    // Ends it at once.
    void kill(std::size_t member) const;
    // Starts the member again that was killed; or ends all, and starts them again where they were.
    // Blocks until they are up, some 10 s on an idle machine. Throws std::runtime_error.
    void restart(std::size_t member);
    void restart_all();
    // The member that leads the CP group `default`, by what the members say in their logs.
    [[nodiscard]] std::size_t leader() const;

  private:
    void read_members();
    void start_again(std::vector<std::string> arguments);

    std::string directory_;
    std::vector<Member> members_;
};

// Throws std::runtime_error if there is no answer, or another than that.
class HazelcastClient {
  public:
    explicit HazelcastClient(const HazelcastCluster& cluster, std::size_t member = 0,
                             const std::string& group = "default");
    HazelcastClient(const HazelcastClient&) = delete;
    HazelcastClient& operator=(const HazelcastClient&) = delete;
    ~HazelcastClient() = default;

    // A session that lives until this object ends its heartbeats: there are none.
    [[nodiscard]] std::uint64_t new_session();
    void heartbeat(std::uint64_t session);
    void close_session(std::uint64_t session);
    // The fence; 0: not granted within the time.
    [[nodiscard]] std::uint64_t try_lock(std::string_view lock, std::uint64_t session,
                                         std::uint64_t thread, std::chrono::milliseconds time = {});
    // A copy of the newest try_lock(), which was for these, without a time.
    [[nodiscard]] std::uint64_t try_lock_again(std::string_view lock, std::uint64_t session,
                                               std::uint64_t thread);
    void unlock(std::string_view lock, std::uint64_t session, std::uint64_t thread);
    // Locks and unlocks `width` locks, each `rounds` times, all of them at once.
    void cycle(std::string_view prefix, std::uint64_t session, int width, int rounds);
    [[nodiscard]] hazelcast::Ownership owner(std::string_view lock);

  private:
    [[nodiscard]] hazelcast::Message receive();
    [[nodiscard]] std::uint64_t try_lock_by(std::uint64_t call_number, std::string_view lock,
                                            std::uint64_t session, std::uint64_t thread,
                                            std::chrono::milliseconds time);
    template <class Question>
    hazelcast::Message call(hazelcast::Ask what, const Question& ask);

    std::shared_ptr<Clock> clock_ = boot_clock();
    hazelcast::MemberStream stream_{clock_};
    std::uint64_t correlation_ = 0;
    std::uint64_t calls_ = 0;
    std::uint64_t newest_try_ = 0;
    std::uint64_t random_ = 0;
    hazelcast::Group group_;
};

}  // namespace leaselock::support

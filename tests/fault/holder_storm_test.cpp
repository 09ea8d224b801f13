// Goal: whatever is done to the server, processes and threads on a few keys exclude each other, the
// fences rise, a resource that checks them loses no update, and nothing is left behind. Method: a
// real redis-server that keeps its data, stopped, killed, restarted, flushed of its scripts, its
// connections killed and its rights taken, under processes that write down what they believe and
// are stopped now and then themselves; afterwards the checker reads it.
#include <array>
#include <deque>
#include <functional>
#include <random>
#include <string>

#include "fault/holder_fixture.hpp"
#include "support/child_process.hpp"
#include "support/leaks.hpp"

namespace leaselock {
namespace {

using namespace support;

constexpr int processes = 3;
constexpr int threads = 4;
constexpr int keys = 5;
constexpr milliseconds duration = 6s;

class HolderStorm : public ::testing::Test {
  protected:
    [[nodiscard]] Clock::time_point in(milliseconds time) const {
        return boot_clock()->now() + time;
    }
    void let_pass(milliseconds time) const {
        const auto until = in(time);
        ASSERT_TRUE(poll_until([&] { return boot_clock()->now() >= until; }));
    }
    void trouble(std::size_t kind, std::minstd_rand& random) {
        switch (kind) {
            case 0:
                server_.pause();
                let_pass(milliseconds{50 + random() % 800});
                server_.resume();
                break;
            case 1:
                server_.kill9();
                let_pass(milliseconds{random() % 200});
                server_.restart();
                break;
            case 2:
                for (int i = 0; i < 50; ++i) server_.cli("SCRIPT", "FLUSH");
                break;
            case 3: server_.cli("CLIENT", "KILL", "TYPE", "normal"); break;
            case 4: {
                // Longer than the longest ttl, or shorter than the shortest.
                ChildProcess& worker = workers_[random() % workers_.size()];
                worker.pause();
                let_pass(random() % 2 == 0 ? 900ms : 100ms);
                worker.resume();
                break;
            }
            default:
                server_.cli("ACL", "SETUSER", "default", "-set", "-pexpire", "-del");
                let_pass(milliseconds{50 + random() % 300});
                server_.cli("ACL", "SETUSER", "default", "+@all");
        }
    }

    RedisServer server_{{"--appendonly", "yes", "--appendfsync", "always"}};
    TempDir directory_;
    std::deque<ChildProcess> workers_;
};

TEST_F(HolderStorm, HoldersExcludeEachOtherTheirFencesRiseAndNothingIsLostOrLeft) {
    for (int i = 0; i < processes; ++i) {
        workers_.emplace_back(std::vector<std::string>{
            LEASELOCK_HOLDER_WORKER, "storm", server_.url(), directory_.path().string(),
            std::to_string(keys), std::to_string(threads), std::to_string(duration.count()),
            std::to_string(100 * i + 1)});
    }
    const unsigned seed = std::random_device{}();
    RecordProperty("seed", std::to_string(seed));
    std::minstd_rand random{seed};
    const auto end = in(duration);
    std::size_t troubles = 0;
    for (; boot_clock()->now() < end; ++troubles) {
        let_pass(milliseconds{50 + random() % 100});
        trouble(random() % 6, random);
    }
    for (ChildProcess& worker : workers_) EXPECT_EQ(worker.wait(40s), 0) << "see holder_worker.cpp";

    const History history{directory_.file("history")};
    const std::vector<Holding> holdings = history.read();
    EXPECT_EQ(check(holdings).text(), "") << "seed " << seed;
    EXPECT_GT(holdings.size(), 20U);
    std::uint64_t admitted = 0;
    std::uint64_t refused = 0;
    for (int key = 0; key < keys; ++key) {
        FencedStore store{directory_.file("store" + std::to_string(key)), FenceCheck::on};
        EXPECT_EQ(store.count().lost, 0U) << "seed " << seed;
        admitted += store.count().admitted;
        refused += store.count().refused;
        const std::string name = "p:key" + std::to_string(key);
        EXPECT_TRUE(poll_until([&] { return server_.cli("EXISTS", name) == "0"; })) << name;
    }
    EXPECT_GT(admitted, 20U);
    EXPECT_EQ(keys_without_ttl(server_), std::vector<std::string>{});
    std::printf("%zu troubles, %zu grants, %llu updates, %llu refused\n", troubles, holdings.size(),
                static_cast<unsigned long long>(admitted),
                static_cast<unsigned long long>(refused));
}

}  // namespace
}  // namespace leaselock

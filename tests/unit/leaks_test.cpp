// Goal: what leaks is seen, and locks on Redis leak nothing. Method: a descriptor, a thread and a
// key that are left behind on purpose; then many managers and locks, counted before and behind.
#include "support/leaks.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stop_token>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <leaselock/redis.hpp>

#include "support/patient.hpp"
#include "support/poll_until.hpp"
#include "support/redis_server.hpp"

namespace leaselock::support {
namespace {

using namespace std::chrono_literals;

TEST(Leaks, DescriptorThatIsLeftOpenIsSeen) {
    const std::size_t before = open_descriptors();
    const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    EXPECT_EQ(open_descriptors(), before + 1);
    ::close(fd);
    EXPECT_EQ(open_descriptors(), before);
}

TEST(Leaks, ThreadThatStillRunsIsSeen) {
    const auto start = [] {
        return std::jthread{[](const std::stop_token& stop) {
            while (!stop.stop_requested()) std::this_thread::yield();
        }};
    };
    start();  // a sanitizer may start one of its own with the first
    const std::size_t before = running_threads();
    std::jthread running = start();
    EXPECT_TRUE(poll_until([&] { return running_threads() == before + 1; }));
    running = {};
    EXPECT_TRUE(poll_until([&] { return running_threads() == before; }));
}

TEST(Leaks, KeyWithoutAnEndIsSeenAmongMany) {
    RedisServer server;
    EXPECT_EQ(keys_without_ttl(server), std::vector<std::string>{});
    for (int i = 0; i < 3000; ++i) {
        server.cli("SET", "mortal" + std::to_string(i), "x", "PX", "600000");
    }
    server.cli("SET", "for ever", "x");
    server.cli("HSET", "and ever", "x", "y");
    EXPECT_EQ(keys_without_ttl(server), (std::vector<std::string>{"and ever", "for ever"}));
}

TEST(Leaks, LocksOnRedisLeaveNothingBehind) {
    RedisServer server;
    const auto use_locks = [&server](int first, int last) {
        for (int i = first; i <= last; ++i) {
            LockManager locks = connect(support::patient(server.url()));
            const auto kept = locks.acquire("kept" + std::to_string(i), {.min_hold = 10min});
            const auto held = locks.acquire("held" + std::to_string(i));
            EXPECT_TRUE(kept && held);
            EXPECT_EQ(keys_without_ttl(server), std::vector<std::string>{});
        }
    };
    use_locks(1, 1);
    const std::size_t descriptors = open_descriptors();
    const std::size_t threads = running_threads();
    use_locks(2, 20);
    EXPECT_EQ(open_descriptors(), descriptors);
    EXPECT_TRUE(poll_until([&] { return running_threads() == threads; }));
    EXPECT_EQ(keys_without_ttl(server), std::vector<std::string>{});
    EXPECT_NE(server.cli("DBSIZE"), "0") << "counters are there, and kept locks, which will end";
}

}  // namespace
}  // namespace leaselock::support

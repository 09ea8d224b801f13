// Goal: processes that share nothing but a redis-server and a file exclude each other. Method:
// eight processes of counter_worker add to one number in the file; if two were ever inside at once,
// an update is lost or a fence is out of order.
#include <chrono>
#include <cstdint>
#include <deque>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "stress/counter_file.hpp"
#include "support/child_process.hpp"
#include "support/redis_server.hpp"
#include "support/temp_dir.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

constexpr int processes = 8;
constexpr int rounds = 150;

class CounterProcesses : public ::testing::TestWithParam<bool> {};

TEST_P(CounterProcesses, LoseNoUpdateAndTheirFencesRise) {
    support::RedisServer server;
    const support::TempDir directory;
    const std::string path = directory.file("counter");
    stress::make_counter_file(path);

    std::deque<support::ChildProcess> workers;
    for (int i = 0; i < processes; ++i) {
        workers.emplace_back(std::vector<std::string>{LEASELOCK_COUNTER_WORKER,
                                                      GetParam() ? server.unix_url() : server.url(),
                                                      path, std::to_string(rounds)});
    }
    for (support::ChildProcess& worker : workers) EXPECT_EQ(worker.wait(50s), 0);

    const auto numbers = stress::numbers_in(path);
    ASSERT_EQ(numbers.size(), 1U + processes * rounds);
    EXPECT_EQ(numbers[0], static_cast<std::uint64_t>(processes * rounds));
    for (std::size_t i = 2; i < numbers.size(); ++i) {
        EXPECT_GT(numbers[i], numbers[i - 1]) << "entry " << i;
    }
    EXPECT_EQ(server.cli("EXISTS", "hazel:lock:counter"), "0");
}

INSTANTIATE_TEST_SUITE_P(Stress, CounterProcesses, ::testing::Values(false, true),
                         [](const auto& tested) { return tested.param ? "UnixSocket" : "Tcp"; });

}  // namespace
}  // namespace leaselock

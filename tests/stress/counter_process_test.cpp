// Goal: processes that share nothing but a redis-server and a file exclude each other. Method:
// eight processes of counter_worker add to one number in the file; if two were ever inside at once,
// an update is lost or a fence is out of order.
#include <cstdint>
#include <fstream>
#include <gtest/gtest.h>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "support/redis_server.hpp"
#include "support/temp_dir.hpp"

namespace leaselock {
namespace {

constexpr int processes = 8;
constexpr int entries = 150;

pid_t start_worker(const std::string& url, const std::string& file) {
    std::string words[] = {LEASELOCK_COUNTER_WORKER, url, file, std::to_string(entries)};
    char* argv[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
    pid_t pid = -1;
    return ::posix_spawn(&pid, argv[0], nullptr, nullptr, argv, environ) == 0 ? pid : -1;
}

std::vector<std::uint64_t> numbers_in(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    std::vector<std::uint64_t> numbers;
    for (std::uint64_t value = 0; file.read(reinterpret_cast<char*>(&value), sizeof value);) {
        numbers.push_back(value);
    }
    return numbers;
}

class CounterProcesses : public ::testing::TestWithParam<bool> {};

TEST_P(CounterProcesses, LoseNoUpdateAndTheirFencesRise) {
    support::RedisServer server;
    const support::TempDir directory;
    const std::string path = directory.file("counter");
    std::ofstream{path, std::ios::binary}.write("\0\0\0\0\0\0\0\0", 8);

    std::vector<pid_t> workers;
    for (int i = 0; i < processes; ++i) {
        workers.push_back(start_worker(GetParam() ? server.unix_url() : server.url(), path));
        ASSERT_GT(workers.back(), 0);
    }
    for (const pid_t worker : workers) {
        int status = -1;
        ASSERT_EQ(::waitpid(worker, &status, 0), worker);
        EXPECT_EQ(status, 0);
    }

    const auto numbers = numbers_in(path);
    ASSERT_EQ(numbers.size(), 1U + processes * entries);
    EXPECT_EQ(numbers[0], static_cast<std::uint64_t>(processes * entries));
    for (std::size_t i = 2; i < numbers.size(); ++i) {
        EXPECT_GT(numbers[i], numbers[i - 1]) << "entry " << i;
    }
    EXPECT_EQ(server.cli("EXISTS", "hazel:lock:counter"), "0");
}

INSTANTIATE_TEST_SUITE_P(Stress, CounterProcesses, ::testing::Values(false, true),
                         [](const auto& tested) { return tested.param ? "UnixSocket" : "Tcp"; });

}  // namespace
}  // namespace leaselock

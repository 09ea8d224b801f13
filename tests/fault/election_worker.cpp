// A candidate beside the test, to be stopped and killed. It leads, says its term in the file
// `leads`, and acts when the file `act` is there: then it asks first, as a program should.
// Ends with 0 if it learned that it does not lead any more, with 3 if it acted.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include <leaselock/leader_election.hpp>
#include <leaselock/redis.hpp>

#include "support/patient.hpp"
#include "support/poll_until.hpp"

namespace {

using namespace leaselock;
using namespace std::chrono_literals;

int lead(const std::string& url, const std::string& directory, std::chrono::milliseconds ttl) {
    LockManager locks{{.prefix = "p:", .backend = "redis"}};
    locks.register_backend("redis", make_redis_backend({.url = support::patient(url)}));
    LeaderElection election{locks, "scheduler", {.ttl = ttl}};
    auto lead = election.campaign();
    if (!lead) return 2;
    const std::stop_token ended = lead->ended();
    // The whole text is there when the name is.
    std::ofstream{directory + "/term"} << lead->term();
    std::filesystem::rename(directory + "/term", directory + "/leads");
    if (!support::poll_until([&] { return std::filesystem::exists(directory + "/act"); }, 30s)) {
        return 4;
    }
    std::error_code ec;
    lead->ensure(ec);
    if (!ec || lead->leads()) return 3;
    return support::poll_until([&] { return ended.stop_requested(); }, 30s) ? 0 : 5;
}

}  // namespace

int main(int count, char** words) {
    if (count != 4) return 1;
    return lead(words[1], words[2], std::chrono::milliseconds{std::stoi(words[3])});
}

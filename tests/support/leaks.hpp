// What must not be left behind when all is released and destroyed: descriptors and threads of this
// process, and keys in Redis that nothing will ever take away. Linux.
//
// Thread-safety: functions without state.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <gtest/gtest.h>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <vector>

#include "support/poll_until.hpp"
#include "support/redis_server.hpp"

namespace leaselock::support {

[[nodiscard]] inline std::size_t entries_of(const char* directory) {
    const std::filesystem::directory_iterator all{directory};
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// With the one that looks, which is there each time.
[[nodiscard]] inline std::size_t open_descriptors() { return entries_of("/proc/self/fd"); }

// A thread that was joined may be in the list for a moment longer.
[[nodiscard]] inline std::size_t running_threads() { return entries_of("/proc/self/task"); }
// The same, of a test that has started none yet. A sanitizer has a thread of its own from the first
// one of the program on.
[[nodiscard]] inline std::size_t threads_at_start() {
    std::string its_entry;
    std::thread{[&] { its_entry = "/proc/self/task/" + std::to_string(::gettid()); }}.join();
    EXPECT_TRUE(poll_until([&] { return !std::filesystem::exists(its_entry); }));
    return running_threads();
}

// Counters of fencing tokens are to stay.
[[nodiscard]] inline bool is_counter(std::string_view key) {
    return key.find(":ll:2c:") != std::string_view::npos || key.ends_with(":ll:2C");
}
// The other keys of the server's database that have no end, sorted; none of them may have a line
// break.
[[nodiscard]] inline std::vector<std::string> keys_without_ttl(RedisServer& server) {
    std::vector<std::string> found;
    std::string cursor = "0";
    do {
        std::istringstream reply{server.cli("SCAN", cursor, "COUNT", "1000")};
        std::getline(reply, cursor);
        for (std::string key; std::getline(reply, key);) {
            const bool stays = key.empty() || is_counter(key);
            if (!stays && server.cli("PTTL", key) == "-1") found.push_back(key);
        }
    } while (cursor != "0");
    std::sort(found.begin(), found.end());
    // SCAN may tell a key twice.
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

}  // namespace leaselock::support

// What the tests of the queue in trouble share: processes that wait for one lock, in a known order,
// on a server of the test's own; and what must be true of all of them in the end.
//
// Thread-safety: for the thread of its test.
#pragma once

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <vector>

#include "core/acquire_machine.hpp"
#include "fault/fault_fixture.hpp"
#include "support/child_process.hpp"
#include "support/history.hpp"
#include "support/history_check.hpp"
#include "support/leaks.hpp"
#include "support/temp_dir.hpp"

namespace leaselock::support {

inline constexpr const char* lock_key = "p:key";
inline constexpr const char* queue_key = "{p:key}:ll:2q";
inline constexpr const char* waiters_key = "{p:key}:ll:2w";

// What is promised: the first who lives looks at the retry delay, and once a second at least; who
// does not poll is skipped; a hand-off to one who is dead ends by itself. Tests allow ten times.
inline constexpr milliseconds poll_bound = patience * detail::longest_pause;
inline constexpr milliseconds dead_entry_bound = poll_bound + patience * detail::entry_life;
inline constexpr milliseconds dead_grant_bound = poll_bound + patience * milliseconds{3000};

// How often the server has run a command, as INFO says it.
[[nodiscard]] inline std::int64_t calls_of(RedisServer& server, const std::string& command) {
    const std::string line = info(server, "commandstats", "cmdstat_" + command);
    const std::size_t at = line.find("calls=");
    return at == std::string::npos ? 0 : std::stoll(line.substr(at + 6));
}

class QueueProcesses : public ::testing::Test {
  protected:
    using Names = std::vector<std::string>;

    // The lock, of this process; it is not renewed away from what a test does to it.
    void hold() {
        holder_.emplace(locks_, "key", LockOptions{.ttl = 10min, .renewal = Renewal::off});
    }
    void release() { EXPECT_EQ(holder_->release(ec_), ReleaseResult::released) << ec_.message(); }

    // A process with so many waiters. Returns when all have begun, the first has its entry, and
    // hand-offs are notified.
    ChildProcess& start_waiters(const std::string& name, int waiters = 1) {
        const std::int64_t before = entries();
        const std::size_t listening = channels();
        ChildProcess& process = processes_.emplace_back(
            Names{LEASELOCK_WAITER_WORKER, server_.url(), directory_.path().string(), name,
                  std::to_string(waiters)});
        EXPECT_TRUE(poll_until(
            [&] {
                return std::filesystem::exists(directory_.file(name + ".ready")) &&
                       entries() > before && channels() > listening;
            },
            long_timeout));
        return process;
    }
    [[nodiscard]] std::int64_t entries() { return std::stoll(server_.cli("LLEN", queue_key)); }
    // The processes that hear of hand-offs now.
    [[nodiscard]] bool all_listen(std::size_t processes) {
        return poll_until([&] { return channels() == processes; }, long_timeout);
    }
    [[nodiscard]] std::size_t channels() {
        const std::string all = server_.cli("PUBSUB", "CHANNELS");
        return all.empty()
                   ? 0U
                   : 1U + static_cast<std::size_t>(std::count(all.begin(), all.end(), '\n'));
    }

    // Those that were served, as "<process>.<number>", in their order.
    [[nodiscard]] Names served() const {
        Names names;
        std::ifstream file{directory_.file("served")};
        for (std::string name, fence; file >> name >> fence;) names.push_back(name);
        return names;
    }
    [[nodiscard]] bool are_served(std::size_t count, milliseconds limit) const {
        return poll_until([&] { return served().size() >= count; }, limit);
    }

    // All processes but those that were killed have ended well, nobody was inside beside another
    // one, fences rose, and nothing is left but the entries of the dead, which end.
    void expect_all_is_well() {
        for (ChildProcess& each : processes_) {
            const auto status = each.wait(50s);
            EXPECT_TRUE(status == 0 || status == 128 + SIGKILL)
                << status.value_or(-1) << ", see waiter_worker.cpp";
        }
        const History history{directory_.file("history")};
        EXPECT_EQ(check(history.read()).text(), "");
        EXPECT_EQ(server_.cli("EXISTS", lock_key, "inside"), "0");
        EXPECT_EQ(keys_without_ttl(server_), Names{});
        EXPECT_TRUE(poll_until([&] { return channels() == 0; }));
    }
    // Nobody was handed the lock who did not take it.
    void expect_no_grant_ended() { EXPECT_EQ(info(server_, "stats", "expired_keys"), "0"); }
    void expect_no_entries() { EXPECT_EQ(server_.cli("EXISTS", queue_key, waiters_key), "0"); }

    RedisServer server_;
    TempDir directory_;
    LockManager locks_ = manager_on(server_.url());
    std::optional<ScopedDistributedLock> holder_;
    std::deque<ChildProcess> processes_;
    std::error_code ec_;
};

}  // namespace leaselock::support

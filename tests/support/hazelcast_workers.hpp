// Threads of several managers that want one lock of a Hazelcast cluster, again and again, and write
// down what they hold.
//
// Thread-safety: one thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <leaselock/hazelcast.hpp>
#include <leaselock/lock_manager.hpp>

#include "support/hazelcast_cluster.hpp"
#include "support/history.hpp"
#include "support/history_check.hpp"
#include "support/poll_until.hpp"
#include "support/temp_dir.hpp"

namespace leaselock::support {

class HazelcastWorkers {
  public:
    HazelcastWorkers(const HazelcastCluster& cluster, const std::string& key) {
        for (std::size_t i = 0; i < 4; ++i) {
            threads_.emplace_back([this, url = cluster.url(i), key] { work(url, key); });
        }
    }
    HazelcastWorkers(const HazelcastWorkers&) = delete;
    HazelcastWorkers& operator=(const HazelcastWorkers&) = delete;
    ~HazelcastWorkers() { is_over_ = true; }

    [[nodiscard]] int entries() const noexcept { return entries_; }
    // Whether they enter so many times more within that time.
    [[nodiscard]] bool enter(int times, std::chrono::seconds within) const {
        const int before = entries_;
        return poll_until([&] { return entries_ >= before + times; }, within);
    }
    // Ends them. What is wrong in the history, one thing a line; empty: nothing.
    [[nodiscard]] std::string findings() {
        is_over_ = true;
        threads_.clear();
        return check(history_.read()).text();
    }

  private:
    void work(const std::string& url, const std::string& key) {
        LockManager locks = connect(url);
        while (!is_over_) {
            std::error_code ec;
            const LockOptions options{.wait_timeout = std::chrono::seconds{10}};
            auto lock = RecordedLock::acquire(history_, locks, key, options, ec);
            if (!lock) continue;
            (void)lock->owns_lock();
            ++entries_;
            (void)lock->lock().release(ec);
        }
    }

    TempDir directory_;
    History history_{directory_.file("history")};
    std::atomic<bool> is_over_{false};
    std::atomic<int> entries_{0};
    std::vector<std::jthread> threads_;
};

}  // namespace leaselock::support

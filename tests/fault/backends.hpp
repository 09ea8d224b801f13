// What the tests of healthy backends share: one manager with locks at two servers and in a
// directory, a way to bring one server into trouble, and a watch on the time that is left of
// leases.
//
// Thread-safety: for the thread of the test; LeaseMeter has a thread of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <ostream>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <leaselock/file.hpp>
#include <leaselock/leaselock.hpp>
#include <leaselock/redis.hpp>

#include "fault/fault_fixture.hpp"
#include "support/lease_meter.hpp"
#include "support/redis_server.hpp"
#include "support/temp_dir.hpp"
#include "support/weather_proxy.hpp"

namespace leaselock::support {

enum class Trouble { stopped, killed, slow };

inline std::ostream& operator<<(std::ostream& out, Trouble trouble) {
    constexpr const char* names[] = {"Stopped", "Killed", "Slow"};
    return out << names[static_cast<std::size_t>(trouble)];
}

// A server that can get into trouble, by a proxy that can be slow.
class TroubledServer {
  public:
    void begin(Trouble trouble) {
        switch (trouble) {
            case Trouble::stopped: server_.pause(); break;
            case Trouble::killed: server_.kill9(); break;
            case Trouble::slow: proxy_.slow_down(Way::replies, 1800ms); break;
        }
    }
    [[nodiscard]] std::string url() const { return proxy_.url(); }
    [[nodiscard]] WeatherProxy& proxy() noexcept { return proxy_; }

  private:
    RedisServer server_;
    WeatherProxy proxy_{server_.port()};
};

// A lease that is renewed after a second. A renewal that comes in time leaves two thirds of it. One
// that waits for a server that is slow leaves nothing; what is between is for a machine that has
// more to do.
constexpr milliseconds watched_ttl = 3s;
constexpr double least_share = 0.3;

// So long no command is given up by itself.
constexpr milliseconds patient_command = 20s;

// Somebody who waits by a callback.
class AsyncCall {
  public:
    AsyncCall(LockManager& locks, const std::string& key, const LockOptions& options) {
        locks.async_acquire(key, options, stop_.get_token(), [this](auto lock, std::error_code ec) {
            lock_ = std::move(lock);
            ec_ = ec;
            ended_ = true;
        });
    }
    AsyncCall(const AsyncCall&) = delete;
    AsyncCall& operator=(const AsyncCall&) = delete;
    ~AsyncCall() {
        stop_.request_stop();
        EXPECT_TRUE(ends(patience * 50ms)) << "a stop is noticed within 50 ms";
        EXPECT_TRUE(ends());
    }
    [[nodiscard]] bool ends(milliseconds limit = long_timeout) const {
        return poll_until([&] { return ended_.load(); }, limit);
    }
    [[nodiscard]] bool has_lock() const { return lock_.has_value(); }
    [[nodiscard]] std::error_code error() const { return ec_; }

  private:
    std::stop_source stop_;
    std::optional<ScopedDistributedLock> lock_;
    std::error_code ec_;
    std::atomic<bool> ended_{false};
};

}  // namespace leaselock::support

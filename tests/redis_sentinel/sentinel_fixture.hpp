// A master that Sentinels name, for the conformance suite. All cases share it, so each has keys of
// its own.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <unistd.h>

#include <leaselock/redis.hpp>
#include <leaselock/testing/backend_fixture.hpp>

#include "redis_sentinel/sentinel_group.hpp"
#include "support/poll_until.hpp"

namespace leaselock::testing {

class SentinelFixture final : public BackendFixture {
  public:
    // So many replicas must acknowledge what is granted; 0: none.
    explicit SentinelFixture(int replicas = 0) : replicas_{replicas} {}

    [[nodiscard]] std::shared_ptr<Backend> make() override {
        return make_redis_backend({.url = group_.url(),
                                   .connect_timeout = std::chrono::seconds{10},
                                   .command_timeout = std::chrono::seconds{10},
                                   .wait_replicas = replicas_,
                                   .wait_replicas_timeout = std::chrono::seconds{5}});
    }
    [[nodiscard]] std::shared_ptr<Clock> clock() override { return boot_clock(); }
    void settle(std::chrono::milliseconds d) override {
        const auto until = boot_clock()->now() + d;
        const auto server_until = server_time() + d;
        const bool is_over = support::poll_until(
            [&] { return boot_clock()->now() >= until && server_time() >= server_until; },
            10 * d + std::chrono::seconds{10});
        if (!is_over) throw std::runtime_error("the server's time stands still");
    }
    [[nodiscard]] std::optional<std::string> raw_holder(const std::string& key) override {
        if (group_.cli(master_, "EXISTS", key) == "0") return std::nullopt;
        return group_.cli(master_, "GET", key);
    }
    [[nodiscard]] std::chrono::milliseconds term() const override {
        return std::chrono::milliseconds{500};
    }
    // Of this case alone.
    void lose_data() override {
        group_.cli(
            master_, "EVAL",
            "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end", "0",
            '*' + prefix_ + '*');
    }
    [[nodiscard]] std::string prefix() const override { return prefix_; }

  private:
    static std::string new_prefix() {
        static std::atomic<int> cases{0};
        return "hazel:lock:" + std::to_string(::getpid()) + ':' + std::to_string(cases++) + ':' +
               std::to_string(boot_clock()->now().time_since_epoch().count()) + ':';
    }
    [[nodiscard]] std::chrono::microseconds server_time() {
        const std::string answer = group_.cli(master_, "TIME");  // seconds, microseconds
        const std::size_t end = answer.find('\n');
        return std::chrono::seconds{std::stoll(answer.substr(0, end))} +
               std::chrono::microseconds{std::stoll(answer.substr(end + 1))};
    }

    const int replicas_;
    const support::SentinelGroup group_ = support::SentinelGroup::of_tests();
    const std::uint16_t master_ = group_.master();
    const std::string prefix_ = new_prefix();
};

}  // namespace leaselock::testing

// Three Sentinels that say what the test wants, and two servers that know nothing of each other and
// of them.
//
// Thread-safety: for the thread of the test.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <gtest/gtest.h>
#include <string>

#include "fault/fault_fixture.hpp"
#include "support/scripted_sentinel.hpp"

namespace leaselock {

class RedisSentinels : public ::testing::Test {
  protected:
    RedisSentinels() { name_all(first_.port(), 1); }

    void name_all(std::uint16_t port, int epoch) {
        for (support::ScriptedSentinel& each : sentinels_) each.name_master(port, epoch);
    }
    [[nodiscard]] std::string url(const std::string& rest = "/mymaster") const {
        return "redis+sentinel://" + sentinels_[0].host() + ',' + sentinels_[1].host() + ',' +
               sentinels_[2].host() + rest;
    }
    // What an acquire says, with its text in `text_`.
    Errc refusal(LockManager& locks) {
        try {
            const auto lock = locks.acquire("key", {.ttl = std::chrono::seconds{60}});
            return lock ? Errc{} : Errc::held;
        } catch (const LockError& error) {
            text_ = error.what();
            return static_cast<Errc>(error.code().value());
        }
    }
    static bool has_lock(support::RedisServer& server) {
        return server.cli("EXISTS", "p:key") == "1";
    }

    support::RedisServer first_{{"--repl-diskless-sync-delay", "0"}};
    support::RedisServer second_{{"--repl-diskless-sync-delay", "0"}};
    std::array<support::ScriptedSentinel, 3> sentinels_;
    std::string text_;
};

}  // namespace leaselock

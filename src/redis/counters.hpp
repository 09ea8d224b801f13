// The start-up check's part for the counters of fencing tokens, over a connection of its own.
//
// Thread-safety: functions without shared state.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <leaselock/clock.hpp>
#include <leaselock/finding.hpp>

#include "redis/connection_settings.hpp"

namespace leaselock::redis {

// Reads counters of the prefix, of which there are up to 16 384, and adds what is no number, or far
// ahead of the server's clock. Those that this user may not read, or that are at another node of a
// cluster, are left out; where `is_there` is given, also those of which it says no. Blocks for one
// command time-out at most. Throws LockError. All take some 8 ms of the server's time, in pieces
// between which it serves others; a sample is a part of them that each call draws, and takes 0.3 ms
// at most.
void examine_counters(const ConnectionSettings& settings, const std::shared_ptr<Clock>& clock,
                      std::string_view prefix, CheckDepth depth, std::vector<Finding>& findings,
                      const std::function<bool(std::string_view)>& is_there = nullptr);

}  // namespace leaselock::redis

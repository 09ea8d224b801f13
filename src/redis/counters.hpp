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

// Reads all counters of the prefix, up to 16 384, in pieces, and adds what is no number, or far
// ahead of the server's clock. Those that this user may not read, or that are at another node of a
// cluster, are left out; where `is_there` is given, also those of which it says no. Blocks for one
// command time-out at most. Throws LockError.
void examine_counters(const ConnectionSettings& settings, const std::shared_ptr<Clock>& clock,
                      std::string_view prefix, std::vector<Finding>& findings,
                      const std::function<bool(std::string_view)>& is_there = nullptr);

}  // namespace leaselock::redis

// The walk through all keys of a database, over a connection of its own, so that no lock waits
// for it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <leaselock/clock.hpp>

#include "redis/connection_settings.hpp"

namespace leaselock::redis {

// As Backend::list. Side keys and others that cannot be a lock's are left out. Needs the right to
// SCAN. Blocks for as many commands as there are thousands of keys in the database, each for one
// command time-out at most, and for connecting; for 61 command time-outs in all. Throws LockError:
// command_timed_out when that is over, invalid_option for more than a million keys.
[[nodiscard]] std::vector<std::string> scan(const ConnectionSettings& settings,
                                            const std::shared_ptr<Clock>& clock,
                                            std::string_view prefix, std::string_view pattern);

}  // namespace leaselock::redis

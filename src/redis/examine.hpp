// Redis' part of the start-up check, over a connection of its own, which is closed after it.
#pragma once

#include <memory>
#include <vector>

#include <leaselock/clock.hpp>
#include <leaselock/finding.hpp>

#include "redis/connection_settings.hpp"

namespace leaselock::redis {

// Adds what the server's INFO and its clock give cause to say, and what this user may not do that
// the self-check cannot show. It needs the right to INFO for the former; without, that is a
// finding. Blocks for one command time-out at most. Throws LockError.
void examine(const ConnectionSettings& settings, const std::shared_ptr<Clock>& clock,
             std::vector<Finding>& findings);

}  // namespace leaselock::redis

// What is said of a lock that others hold: who, since when, and who else waits for it.
#pragma once

#include <string>

#include <leaselock/claim.hpp>
#include <leaselock/guarantees.hpp>
#include <leaselock/lock_options.hpp>

namespace leaselock::cli {

// Who holds it, in a word or two: "host:123 (kept)", "3 readers".
[[nodiscard]] std::string holder_of(const LockInfo& info);

// Whether what was seen is in the way of this claim.
[[nodiscard]] bool is_in_the_way(const LockInfo& info, Claim claim);

// "held by host:123 since 14:03:07, 2 waiting before us", of a lock that was looked at just before
// ours was asked for. Since when is known where fencing tokens are times.
[[nodiscard]] std::string wait_text(const LockInfo& info, Fences fences);

}  // namespace leaselock::cli

// Durations as the command line and configuration files have them: numbers with units, the larger
// first, of d, h, m (or min), s and ms, as in 1m30s; a number alone is seconds.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace leaselock::cli {

// Nothing: it is no such text, or more milliseconds than there are.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// For people: 850ms, 12.5s, 3m20s, 2h05m, 3d04h.
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);

}  // namespace leaselock::cli

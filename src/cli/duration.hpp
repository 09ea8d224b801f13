// Durations as the command line and configuration files have them: digits and one of ms, s, m, min
// and h; without a unit they are seconds.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace leaselock::cli {

// Nothing: it is no such text, or more milliseconds than there are.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// For people: 850ms, 12.5s, 3m20s, 2h05m.
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);

}  // namespace leaselock::cli

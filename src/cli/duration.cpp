#include "cli/duration.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <fmt/core.h>
#include <utility>

namespace leaselock::cli {
namespace {

using std::chrono::milliseconds;

constexpr std::array<std::pair<std::string_view, std::int64_t>, 6> units{
    {{"ms", 1}, {"s", 1000}, {"", 1000}, {"m", 60'000}, {"min", 60'000}, {"h", 3'600'000}}};

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    std::int64_t count = 0;
    if (std::from_chars(text.data(), text.data() + digits, count).ec != std::errc{}) return {};
    for (const auto& [unit, factor] : units) {
        std::int64_t product = 0;
        if (text.substr(digits) != unit) continue;
        if (__builtin_mul_overflow(count, factor, &product)) return {};
        return milliseconds{product};
    }
    return {};
}

std::string format_duration(milliseconds duration) {
    const std::int64_t ms = duration.count();
    const std::int64_t seconds = ms / 1000;
    if (ms < 1000) return fmt::format("{}ms", ms);
    if (seconds < 60) return fmt::format("{}.{}s", seconds, ms % 1000 / 100);
    if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
    return fmt::format("{}h{:02}m", seconds / 3600, seconds % 3600 / 60);
}

}  // namespace leaselock::cli

#include "cli/duration.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <fmt/format.h>
#include <limits>
#include <utility>

namespace leaselock::cli {
namespace {

using std::chrono::milliseconds;

// The largest first.
constexpr std::array<std::pair<std::string_view, std::int64_t>, 6> units{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"min", 60'000}, {"s", 1000}, {"ms", 1}}};
constexpr std::int64_t second = 1000;

std::string_view take(std::string_view& text, std::string_view of, bool inside) {
    const std::size_t end = inside ? text.find_first_not_of(of) : text.find_first_of(of);
    const std::string_view taken = text.substr(0, end);
    text.remove_prefix(taken.size());
    return taken;
}

// How many milliseconds; nothing: it is no such unit.
std::optional<std::int64_t> factor_of(std::string_view unit) {
    for (const auto& [name, factor] : units) {
        if (unit == name) return factor;
    }
    return {};
}

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text) {
    constexpr std::string_view digits = "0123456789";
    const bool is_plain = text.find_first_not_of(digits) == text.npos;
    std::int64_t sum = 0;
    std::int64_t last = std::numeric_limits<std::int64_t>::max();
    do {
        const std::string_view number = take(text, digits, true);
        const auto factor = is_plain ? second : factor_of(take(text, digits, false));
        std::int64_t count = 0;
        const char* const end = number.data() + number.size();
        if (std::from_chars(number.data(), end, count).ec != std::errc{}) return {};
        if (!factor || *factor >= last) return {};
        last = *factor;
        if (__builtin_mul_overflow(count, last, &count)) return {};
        if (__builtin_add_overflow(sum, count, &sum)) return {};
    } while (!text.empty());
    return milliseconds{sum};
}

std::string format_duration(milliseconds duration) {
    const std::int64_t ms = duration.count();
    const std::int64_t seconds = ms / 1000;
    if (ms < 1000) return fmt::format("{}ms", ms);
    if (seconds < 60) return fmt::format("{}.{}s", seconds, ms % 1000 / 100);
    if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
    const std::int64_t hours = seconds / 3600;
    if (hours < 24) return fmt::format("{}h{:02}m", hours, seconds % 3600 / 60);
    return fmt::format("{}d{:02}h", hours / 24, hours % 24);
}

}  // namespace leaselock::cli

#include "cli/wait_text.hpp"

#include <array>
#include <cstdint>
#include <ctime>
#include <fmt/format.h>

namespace leaselock::cli {
namespace {

constexpr std::uint64_t least_time = 1'000'000'000'000'000;  // in microseconds: of the year 2001
constexpr std::time_t day = std::time_t{24} * 60 * 60;

// Where a fencing token is a time it is that of the grant, by the clock of the store.
std::string since(std::uint64_t fence) {
    if (fence < least_time) return {};
    const auto then = static_cast<std::time_t>(fence / 1'000'000);
    const bool today = std::time(nullptr) - then < day;
    std::tm parts{};
    std::array<char, 32> text{};
    if (::localtime_r(&then, &parts) == nullptr) return {};
    const std::size_t length =
        std::strftime(text.data(), text.size(), today ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &parts);
    return fmt::format(" since {}", std::string_view{text.data(), length});
}

}  // namespace

std::string holder_of(const LockInfo& info) {
    switch (info.use) {
        case KeyUse::readers: return fmt::format("{} readers", info.taken);
        case KeyUse::permits: return fmt::format("{} of {} slots", info.taken, info.of);
        case KeyUse::latch: return fmt::format("{} of {} counted", info.taken, info.of);
        default: break;
    }
    if (info.owner.empty()) return "(unknown)";
    return info.kept ? info.owner + " (kept)" : info.owner;
}

bool is_in_the_way(const LockInfo& info, Claim claim) {
    if (info.waiting > 0) return true;
    if (info.use == KeyUse::readers) return claim != Claim::reader();
    if (info.use == KeyUse::permits) return claim.of() != info.of || info.left() < claim.count();
    return info.held;
}

std::string wait_text(const LockInfo& info, Fences fences) {
    std::string before = fmt::format("{} waiting before us", info.waiting);
    if (!info.held) return before;
    const bool is_known = info.use == KeyUse::whole && fences == Fences::clock;
    return fmt::format("held by {}{}, {}", holder_of(info),
                       is_known ? since(info.fencing_token) : "", before);
}

}  // namespace leaselock::cli

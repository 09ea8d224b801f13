#include "hazelcast/claimant.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <functional>
#include <string_view>
#include <utility>

namespace leaselock::hazelcast {
namespace {

constexpr std::size_t digits = 16;  // of 64 bits
constexpr std::string_view stranger_mark = "hazelcast-session-";

bool read_hex(std::string_view text, std::uint64_t& value) noexcept {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value, 16);
    return text.size() == digits && error == std::errc{} && stop == end;
}

}  // namespace

Claimant::Claimant(std::string_view its_key, std::string_view its_token, std::string its_lock,
                   std::uint64_t its_thread)
    : key{its_key}, token{its_token}, lock{std::move(its_lock)}, thread{its_thread} {}

Clock::time_point Claimant::next_due() const noexcept {
    if (is_leaving) return unlocking > 0 ? Clock::time_point::max() : next_unlock;
    Clock::time_point next = Clock::time_point::max();
    if (is_held || has_expired) next = std::min(next, lease_ends);
    // Its owner may have been read before its wait was answered; the entry counts no more then.
    if (is_parked && !is_held) next = std::min(next, entry_ends);
    const bool is_late = is_open || late_until != Clock::time_point{};
    if (is_late && !is_held && !is_parked && pending == 0) next = std::min(next, late_until);
    return next;
}

std::uint64_t thread_of(std::string_view token) noexcept {
    std::uint64_t thread = 0;
    if (token.size() > 2 * digits &&
        read_hex(token.substr(token.size() - 2 * digits, digits), thread)) {
        return thread;
    }
    return std::hash<std::string_view>{}(token);
}

std::string stranger(std::uint64_t session, std::uint64_t thread) {
    return fmt::format("{}{}/{:016x}{:016x}", stranger_mark, session, thread, session);
}

bool read_stranger(std::string_view token, std::uint64_t& session, std::uint64_t& thread) noexcept {
    if (!token.starts_with(stranger_mark) || token.size() < 2 * digits) return false;
    return read_hex(token.substr(token.size() - digits), session) &&
           read_hex(token.substr(token.size() - 2 * digits, digits), thread);
}

}  // namespace leaselock::hazelcast

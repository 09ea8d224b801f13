// What the end of a process means for what it held: it ends soon, but not before its min_hold.
//
// Thread-safety: functions without state.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <leaselock/detail/lock_entry.hpp>

namespace leaselock::file {

// How long a lock is held after the end of its process has been seen: for what the kernel ends
// with it, as PR_SET_PDEATHSIG does, which needs a moment.
inline constexpr std::chrono::milliseconds last_breath{100};

// Calls visit(token, tie) for each holder whose end would end its hold: not for what is kept, nor
// for what has counted a latch down.
template <class Visit>
void for_each_holder(const detail::LockEntry& entry, const Visit& visit) {
    if (entry.shares == nullptr) {
        if (!entry.kept && !entry.token.empty()) visit(std::string_view{entry.token}, entry.tie);
    } else if (!entry.shares->use().is_latch()) {
        entry.shares->for_each(
            [&](std::string_view token, int, Clock::time_point, const detail::Tie& tie) {
                if (!token.starts_with(kept_mark)) visit(token, tie);
            });
    }
}

// `lives(token, tie)`: the process of a holder does. May throw bad_alloc.
template <class Lives>
void shorten_dead_holders(detail::LockEntry& entry, Clock::time_point now, const Lives& lives) {
    std::vector<std::pair<std::string, Clock::time_point>> dead;
    for_each_holder(entry, [&](std::string_view token, const detail::Tie& tie) {
        if (!lives(token, tie)) dead.emplace_back(token, tie.keep_until);
    });
    const auto soon = detail::saturating_add(now, last_breath);
    for (const auto& [token, keep_until] : dead) entry.shorten(token, std::max(soon, keep_until));
}

}  // namespace leaselock::file

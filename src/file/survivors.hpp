// What the end of a process means for a lock: its place is gone, and its lease ends soon.
//
// Thread-safety: functions without state.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <leaselock/detail/lock_entry.hpp>

namespace leaselock::file {

// How long a lock is held behind the end of its process has been seen: for what the kernel ends
// with it, as PR_SET_PDEATHSIG does, which needs a moment.
inline constexpr std::chrono::milliseconds last_breath{100};

// The tokens of those who hold, and whose end would end it: not what is kept, nor what has counted
// a latch down.
template <class Visit>
void for_each_holder(const detail::LockEntry& entry, const Visit& visit) {
    if (entry.shares == nullptr) {
        if (!entry.kept && !entry.token.empty()) visit(std::string_view{entry.token});
    } else if (entry.shares->of() > 0) {
        entry.shares->for_each([&](std::string_view token, int, Clock::time_point) {
            if (!token.starts_with(kept_mark)) visit(token);
        });
    }
}

template <class IsAlive>
[[nodiscard]] bool has_dead_holder(const detail::LockEntry& entry, const IsAlive& is_alive) {
    bool any = false;
    for_each_holder(entry, [&](std::string_view token) { any = any || !is_alive(token); });
    return any;
}

// Takes those who are dead out of it: all of them, or, of those who wait, the ones before the first
// that lives. May throw bad_alloc.
template <class IsAlive>
void bury(detail::LockEntry& entry, Clock::time_point now, bool all, const IsAlive& is_alive) {
    std::vector<std::string> dead;
    for_each_holder(entry, [&](std::string_view token) {
        if (!is_alive(token)) dead.emplace_back(token);
    });
    const auto end = detail::saturating_add(now, last_breath);
    for (const std::string& token : dead) entry.shorten(token, end);
    if (entry.queue == nullptr) return;
    dead.clear();
    for (const auto& place : entry.queue->places()) {
        if (!is_alive(place.token)) {
            dead.push_back(place.token);
        } else if (!all) {
            break;
        }
    }
    for (const std::string& token : dead) entry.leave(token);
}

}  // namespace leaselock::file

#include "cli/top_model.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "cli/duration.hpp"

namespace leaselock::cli {
namespace {

using std::chrono::milliseconds;

milliseconds between(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration_cast<milliseconds>(to - from);
}

bool goes_before(TopColumn column, const TopRow& a, const TopRow& b) {
    switch (column) {
        case TopColumn::key: break;
        case TopColumn::remaining: return a.info.remaining < b.info.remaining;
        case TopColumn::waiting: return a.info.waiting > b.info.waiting;
        case TopColumn::waited: return a.waited > b.waited;
        case TopColumn::grants: return a.grants_per_second > b.grants_per_second;
    }
    return a.key < b.key;
}

}  // namespace

std::string describe(const TopTotal& total) {
    return fmt::format("locks: {}, waiting: {}, longest wait: {}, grants: {:.1f}/s", total.locks,
                       total.waiting, format_duration(total.longest_wait), total.grants_per_second);
}

void TopModel::update(Clock::time_point now, const std::vector<ListedLock>& locks) {
    outage_.reset();
    refreshes_.push_back(now);
    while (refreshes_.size() > 2 && refreshes_[1] + window <= now) refreshes_.pop_front();
    ++refresh_;
    for (const ListedLock& lock : locks) see(now, lock);
    forget();
}

void TopModel::miss(Clock::time_point now, std::string why) {
    const Clock::time_point since = outage_ ? outage_->since : now;
    outage_ = Outage{since, std::move(why)};
}

void TopModel::see(Clock::time_point now, const ListedLock& lock) {
    const LockInfo& info = lock.info;
    const auto [known, is_new] = locks_.try_emplace(lock.key);
    Seen& seen = known->second;
    if (is_new || seen.info.fencing_token != info.fencing_token) {
        // What the first refresh finds was granted before, and falls out of the window at once.
        seen.grants.push_back(now);
        seen.since = now;
        seen.ttl = milliseconds{0};
    }
    // One that was away for a refresh had nobody who waited for it then.
    if (info.waiting == 0) {
        seen.waiting_since.reset();
    } else if (!seen.waiting_since || seen.refresh + 1 != refresh_) {
        seen.waiting_since = now;
    }
    seen.ttl = std::max(seen.ttl, info.remaining);
    seen.info = info;
    seen.refresh = refresh_;
}

// What the window has lost, and the keys of which nothing is left to tell.
void TopModel::forget() {
    for (auto& [key, seen] : locks_) {
        while (!seen.grants.empty() && seen.grants.front() <= refreshes_.front()) {
            seen.grants.pop_front();
        }
    }
    std::erase_if(locks_, [this](const auto& each) {
        return !is_there(each.second) && each.second.grants.empty();
    });
}

double TopModel::rate(std::size_t grants) const {
    if (refreshes_.size() < 2) return 0;
    const std::chrono::duration<double> all = refreshes_.back() - refreshes_.front();
    return all.count() > 0 ? static_cast<double>(grants) / all.count() : 0;
}

TopRow TopModel::row(const std::string& key, const Seen& seen) const {
    const Clock::time_point now = refreshes_.back();
    return {.key = key,
            .info = seen.info,
            .left = seen.ttl.count() > 0 ? static_cast<double>(seen.info.remaining.count()) /
                                               static_cast<double>(seen.ttl.count())
                                         : 0,
            .held = between(seen.since, now),
            .waited = seen.waiting_since ? between(*seen.waiting_since, now) : milliseconds{0},
            .grants_per_second = rate(seen.grants.size())};
}

std::vector<TopRow> TopModel::rows(const TopOrder& order) const {
    std::vector<TopRow> result;
    for (const auto& [key, seen] : locks_) {
        const bool matches = key.find(order.filter) != std::string::npos ||
                             seen.info.owner.find(order.filter) != std::string::npos;
        if (is_there(seen) && matches) result.push_back(row(key, seen));
    }
    std::sort(result.begin(), result.end(), [&order](const TopRow& a, const TopRow& b) {
        if (goes_before(order.column, a, b)) return !order.reversed;
        if (goes_before(order.column, b, a)) return order.reversed;
        return a.key < b.key;
    });
    return result;
}

TopTotal TopModel::total() const {
    TopTotal total;
    std::size_t grants = 0;
    for (const auto& [key, seen] : locks_) {
        grants += seen.grants.size();
        if (!is_there(seen)) continue;
        const TopRow one = row(key, seen);
        ++total.locks;
        total.waiting += one.info.waiting;
        total.longest_wait = std::max(total.longest_wait, one.waited);
    }
    total.grants_per_second = rate(grants);
    return total;
}

}  // namespace leaselock::cli

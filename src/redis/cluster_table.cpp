// The table of slots, the thread that reads it, and the nodes that are in it.
#include <algorithm>
#include <new>
#include <utility>

#include "base/threads.hpp"
#include "redis/cluster.hpp"

namespace leaselock::redis {
namespace {

constexpr std::chrono::seconds between_tables{1};

}  // namespace

void Cluster::want_table(const NodeAddress* suspect) {
    if (suspect != nullptr) suspect_ = *suspect;
    wants_table_ = true;
    engine_->ring(*this);
}

std::string Cluster::no_table() const {
    std::string why = settings_.name + ": no table of slots was read in time";
    if (!refusal_.empty()) why += "; the last attempt: " + refusal_;
    return why;
}

// The thread before has ended, but for its last few steps, in which it takes no mutex.
void Cluster::start_refresh(Clock::time_point now) noexcept {
    if (refresher_.joinable()) refresher_.join();
    refresh_over_.take(1);
    try {
        auto run = [this, nodes = candidates()] { refresh(nodes); };
        refreshing_ = detail::start_thread(refresher_, std::move(run));
    } catch (const std::bad_alloc&) {
        refreshing_ = false;
    }
    if (refreshing_) {
        wants_table_ = false;
    } else {
        backoff_.failed(now);
    }
}

void Cluster::refresh(const std::vector<NodeAddress>& nodes) noexcept {
    std::optional<SlotTable> table;
    std::error_code error = Errc::connect_failed;
    std::string why;
    std::string kept;
    Members moved;
    Members gone;
    List refused;
    try {
        table = reader_.ask(nodes, error, why);
        kept = why;
    } catch (const std::bad_alloc&) {
        why.clear();  // the code says enough
    }
    {
        const detail::MutexLock lock{mutex_};
        bool is_read = table.has_value();
        try {
            if (is_read) moved = adopt(*std::move(table), gone);
        } catch (const std::bad_alloc&) {
            is_read = false;
            error = Errc::connect_failed;
        }
        if (is_read) {
            backoff_.succeeded();
            backoff_.pause(between_tables, clock_->now());
            refusal_.clear();
        } else {
            backoff_.failed(clock_->now());
            refusal_.swap(kept);
            for (auto each = parked_.begin(); each != parked_.end();) {
                const auto here = each++;
                if (here->needs_table) refused.splice(refused.end(), parked_, here);
            }
        }
        engine_->ring(*this);
    }
    for (const Parked& each : refused) give_up(each, static_cast<Errc>(error.value()), why);
    for (const std::shared_ptr<Member>& each : moved) each->node.let_all_poll();
    moved.clear();
    gone.clear();
    const detail::MutexLock lock{mutex_};
    refreshing_ = false;
    engine_->ring(*this);
    refresh_over_.set(1);
}

std::vector<NodeAddress> Cluster::candidates() {
    std::vector<NodeAddress> nodes;
    if (table_) {
        for (const ClusterNode& each : table_->nodes()) nodes.push_back(each.address);
        std::rotate(nodes.begin(),
                    nodes.begin() + static_cast<std::ptrdiff_t>(random_() % nodes.size()),
                    nodes.end());
    }
    for (const NodeAddress& seed : settings_.seeds) {
        if (std::find(nodes.begin(), nodes.end(), seed) == nodes.end()) nodes.push_back(seed);
    }
    if (suspect_) {
        const auto at = std::find(nodes.begin(), nodes.end(), *suspect_);
        if (at != nodes.end()) std::rotate(at, at + 1, nodes.end());
    }
    return nodes;
}

SlotTable Cluster::topology() {
    std::vector<NodeAddress> nodes;
    {
        const detail::MutexLock lock{mutex_};
        nodes = candidates();
    }
    Topology reader{settings_, clock_};
    std::error_code error;
    std::string why;
    auto table = reader.ask(nodes, error, why);
    if (!table) throw LockError(error, why);
    return *std::move(table);
}

Cluster::Members Cluster::adopt(SlotTable table, Members& gone) {
    Members next(table.nodes().size());
    Members moved;
    const std::size_t before = table_ ? table_->nodes().size() : 0;
    std::vector<SlotTable::Index> now_at(before, SlotTable::nowhere);
    std::vector<bool> has_lost(before, false);
    moved.reserve(before);
    leaving_.reserve(leaving_.size() + before);
    gone.reserve(leaving_.size() + before);
    for (std::size_t i = 0; i < before; ++i) now_at[i] = table.find(table_->nodes()[i]);
    for (std::size_t slot = 0; table_ && slot < SlotTable::slots; ++slot) {
        const SlotTable::Index was = table_->owner(static_cast<std::uint16_t>(slot));
        if (was == SlotTable::nowhere) continue;
        if (now_at[was] != table.owner(static_cast<std::uint16_t>(slot))) has_lost[was] = true;
    }
    for (std::size_t i = 0; i < before; ++i) {
        if (members_[i] == nullptr) continue;
        if (std::exchange(members_[i]->has_lost_slots, false) || has_lost[i]) {
            moved.push_back(members_[i]);
        }
        Members& to = now_at[i] == SlotTable::nowhere ? leaving_ : next;
        if (&to == &next) {
            next[now_at[i]] = std::move(members_[i]);
        } else {
            leaving_.push_back(std::move(members_[i]));
        }
    }
    // What is to be used once more is had from the table; so the last user is here.
    const auto last_used = std::partition(leaving_.begin(), leaving_.end(),
                                          [](const auto& each) { return each.use_count() > 1; });
    gone.insert(gone.end(), std::make_move_iterator(last_used),
                std::make_move_iterator(leaving_.end()));
    leaving_.erase(last_used, leaving_.end());
    // From now on forget() does not find them, and they take their time to end.
    for (const std::shared_ptr<Member>& each : gone) each->node.forget_all();
    members_ = std::move(next);
    table_ = std::move(table);
    for (Parked& each : parked_) each.needs_table = false;
    return moved;
}

std::shared_ptr<ClusterMember> Cluster::member(SlotTable::Index node) {
    if (node == SlotTable::nowhere) return nullptr;
    std::shared_ptr<Member>& here = members_.at(node);
    if (here == nullptr) {
        const ClusterNode& what = table_->nodes().at(node);
        here = std::make_shared<Member>(settings_.of(what), what.address, clock_, channel_);
    }
    return here;
}

// No node is added or taken away meanwhile: one that was left out would keep the listener's
// address.
void Cluster::forget(Listener& listener) noexcept {
    const detail::MutexLock lock{mutex_};
    for (const Members* const some : {&members_, &leaving_}) {
        for (const std::shared_ptr<Member>& each : *some) {
            if (each != nullptr) each->node.forget(listener);
        }
    }
}

// A thread that waits at another node is woken by the one that reads there, only slower.
bool Cluster::sleep_until(Clock::time_point until, Waker& waker) noexcept {
    std::shared_ptr<Member> at;
    {
        const detail::MutexLock lock{mutex_};
        const auto found = std::find_if(members_.begin(), members_.end(), [](const auto& each) {
            return each != nullptr && each->node.wants_driver();
        });
        if (found != members_.end()) at = *found;
    }
    return at != nullptr && at->node.sleep_until(until, waker);
}

}  // namespace leaselock::redis

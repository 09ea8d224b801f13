#include "core/lifeline.hpp"

#include <utility>

namespace leaselock::detail {

Lifeline::Lifeline(const Of& what) noexcept {
    for (OwnLine& each : parts_) {
        each.part.of_ = what;
        each.part.whole_ = this;
    }
}

bool Lifeline::Part::add() noexcept {
    std::uint64_t before = leases_.load(std::memory_order_relaxed);
    while ((before & ended) == 0) {
        if (leases_.compare_exchange_weak(before, before + 1, std::memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

Lifeline::Part& Lifeline::add(const std::shared_ptr<Core>& self) {
    Part& own = parts_[own_shard()].part;
    if (own.add()) return own;
    auto single = std::make_unique<Part>();
    single->leases_ = Part::ended | 1U;
    single->of_ = own.of_;
    single->share_ = self;
    return *single.release();
}

// The thread that takes the last lease out of a part that has ended is the only one that touches
// it: the whole waits for that part.
void Lifeline::Part::last_one() noexcept {
    if (whole_ != nullptr) return whole_->part_ended();
    const std::shared_ptr<Core> share = std::move(share_);
    delete this;
}

void Lifeline::end(std::shared_ptr<Core> self) noexcept {
    if (has_ended_.exchange(true)) return;
    keeper_ = std::move(self);
    for (OwnLine& each : parts_) {
        if (each.part.leases_.fetch_or(Part::ended, std::memory_order_acq_rel) == 0) part_ended();
    }
    part_ended();
}

// The share may be the last one, and this object go with it.
void Lifeline::part_ended() noexcept {
    if (open_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    const std::shared_ptr<Core> last = std::move(keeper_);
}

}  // namespace leaselock::detail

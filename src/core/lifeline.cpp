#include "core/lifeline.hpp"

#include <utility>

#include "base/memory_checked.hpp"
#include "base/token.hpp"

namespace leaselock::detail {
namespace {

// Random: a program and its plugin, each with a copy of this library, may share a store in memory,
// and cannot count together.
std::uint64_t draw_number() noexcept {
    std::array<std::uint64_t, token_bits_bytes / sizeof(std::uint64_t)> bits{};
    write_random_bits(reinterpret_cast<char*>(bits.data()));
    return bits.front() | 1U;
}

}  // namespace

Lifeline::Lifeline(Of what) noexcept {
    what.owner_number = draw_number();
    const bool keeps_memory = !is_memory_checked();
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        parts_[i].part.of_ = what;
        parts_[i].part.whole_ = this;
        if (keeps_memory) parts_[i].part.thread_ = i;
    }
}

void* Lifeline::Part::allocate(std::size_t bytes, std::size_t own) {
    const bool fits = bytes <= spare_bytes_ && spare_bytes_ - bytes <= most_waste;
    if (thread_ != own || !fits) return ::operator new(bytes);
    spare_bytes_ = 0;
    return std::exchange(spare_, nullptr);
}

void Lifeline::Part::deallocate(void* memory, std::size_t bytes) noexcept {
    if (thread_ == own_number()) {
        std::swap(memory, spare_);
        spare_bytes_ = bytes;
        if (memory == nullptr) return;
    }
    ::operator delete(memory);
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

Lifeline::Part& Lifeline::add(const std::shared_ptr<Core>& self, std::size_t own) {
    Part& its = parts_[own % shard_count].part;
    if (its.add()) return its;
    return single(self, its);
}

// Its manager has ended.
[[gnu::noinline]] Lifeline::Part& Lifeline::single(const std::shared_ptr<Core>& self,
                                                   const Part& own) {
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

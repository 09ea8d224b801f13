// What is parked: operations without an attempt, until the engine takes them up.
#include <algorithm>
#include <fmt/format.h>
#include <new>
#include <utility>

#include "redis/cluster.hpp"
#include "redis/hash_slot.hpp"

namespace leaselock::redis {

void Cluster::park(Parked parked) {
    const bool needs_table = parked.needs_table;
    parked_.push_back(std::move(parked));
    if (needs_table) wants_table_ = true;
    engine_->ring(*this);
}

void Cluster::step(Clock::time_point /*now*/) noexcept {
    Batch batch;
    List over;
    {
        const detail::MutexLock lock{mutex_};
        if (ending_) return;
        const Clock::time_point now = clock_->now();
        take_up(now, batch, over);
        if (wants_table_ && !refreshing_ && backoff_.next_try() <= now) start_refresh(now);
        if (batch.size == Batch::most) engine_->ring(*this);
        engine_->ring_at(*this, next_step(), *clock_);
    }
    // One may have been cancelled before its node had it.
    const Batch pinned = batch;
    start(batch);
    for (std::size_t i = 0; i < pinned.size; ++i) {
        Attempt& attempt = *pinned.attempts.at(i);
        mutex_.lock();
        const bool is_cancelled = attempt.is_cancelled;
        mutex_.unlock();
        if (is_cancelled) attempt.member->node.cancel(attempt.call);
        attempt.drop();
    }
    for (const Parked& each : over) give_up(each, Errc::cluster_down, each.why);
}

void Cluster::give_up(const Parked& parked, Errc error, std::string_view why) noexcept {
    std::string text;
    try {
        text = why;
        add_refusal(text, parked.refusal);
    } catch (const std::bad_alloc&) {
        text.clear();  // the code says enough
    }
    parked.whole->fail(error, text);
}

void Cluster::take_up(Clock::time_point now, Batch& batch, List& over) noexcept {
    for (auto each = parked_.begin(); each != parked_.end();) {
        const auto here = each++;
        if (end_of(*here->whole) <= now) {
            over.splice(over.end(), parked_, here);
            continue;
        }
        if (here->needs_table || here->due > now || batch.size == Batch::most) continue;
        Attempt* attempt = nullptr;
        try {
            attempt = attempt_of(*here);
        } catch (const std::bad_alloc&) {
            here->why.clear();  // the code says enough
            over.splice(over.end(), parked_, here);
            continue;
        }
        if (attempt != nullptr) {
            batch.attempts.at(batch.size++) = attempt;
            parked_.erase(here);
        } else if (!here->needs_table) {
            over.splice(over.end(), parked_, here);
        }
    }
}

Attempt* Cluster::attempt_of(Parked& parked) {
    const std::uint16_t slot = hash_slot(parked.whole->request.key);
    const std::shared_ptr<Member> at =
        member(parked.to ? table_->find(*parked.to) : table_->owner(slot));
    if (at == nullptr && parked.to) {
        parked.why =
            fmt::format("{}: the cluster has no member {}", settings_.name, to_string(*parked.to));
        return nullptr;
    }
    if (at == nullptr) {
        parked.why = unserved(slot);
        parked.needs_table = wants_table_ = true;
        return nullptr;
    }
    auto* const attempt = new Attempt(*this, *parked.whole, at);
    attempt->use();
    attempt->call.submitter = Submitter::goes_on;
    attempt->asking = parked.asking;
    attempt->hops = parked.hops;
    attempt->pauses = parked.pauses;
    attempt->refusal = std::move(parked.refusal);
    parked.whole->slot = attempt;
    return attempt;
}

Clock::time_point Cluster::next_step() const noexcept {
    Clock::time_point next = Clock::time_point::max();
    if (wants_table_ && !refreshing_) next = backoff_.next_try();
    for (const Parked& each : parked_) {
        const Clock::time_point end = end_of(*each.whole);
        next = std::min(next, each.needs_table ? end : std::min(end, each.due));
    }
    return next;
}

}  // namespace leaselock::redis

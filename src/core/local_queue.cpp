#include "core/local_queue.hpp"

#include <utility>

#include <leaselock/detail/text_hash.hpp>

namespace leaselock::detail {

LocalQueue::Shard& LocalQueue::shard_of(std::string_view key) noexcept {
    return shards_[text_hash(key) % shard_count];
}

LocalQueue::Ticket*& LocalQueue::list_of(Shard& shard, std::string_view key) noexcept {
    return shard.contenders[text_hash(key) / shard_count % shard.contenders.size()];
}

LocalQueue::Ticket* LocalQueue::contender(Shard& shard, const Backend* backend,
                                          std::string_view key) noexcept {
    Ticket* each = list_of(shard, key);
    while (each != nullptr && (each->backend_ != backend || each->key_ != key)) each = each->next_;
    return each;
}

void LocalQueue::enter(Ticket& ticket) noexcept {
    ticket.here_ = true;
    count_.fetch_add(1, std::memory_order_relaxed);
}

bool LocalQueue::join(Ticket& ticket) noexcept {
    Shard& shard = shard_of(ticket.key_);
    const MutexLock lock{shard.mutex};
    Ticket* const found = contender(shard, ticket.backend_, ticket.key_);
    if (found == nullptr) return false;
    enter(ticket);
    append(*found, ticket);
    return true;
}

bool LocalQueue::contend(Ticket& ticket, bool told) noexcept {
    Shard& shard = shard_of(ticket.key_);
    const MutexLock lock{shard.mutex};
    if (!ticket.here_) {
        enter(ticket);
        if (Ticket* const found = contender(shard, ticket.backend_, ticket.key_)) {
            append(*found, ticket);
        } else {
            put_first(shard, ticket);
        }
    }
    ticket.told_ = told;
    return ticket.contends_;
}

void LocalQueue::leave(Ticket& ticket) noexcept {
    if (!std::exchange(ticket.here_, false)) return;
    Shard& shard = shard_of(ticket.key_);
    WakeUp heir;
    const MutexLock lock{shard.mutex};
    count_.fetch_sub(1, std::memory_order_relaxed);
    if (ticket.contends_) {
        heir = pass_on(shard, ticket);
    } else {
        take_out(*contender(shard, ticket.backend_, ticket.key_), ticket);
    }
}

[[gnu::noinline]] void LocalQueue::released(const Backend& backend, std::string_view key) noexcept {
    Shard& shard = shard_of(key);
    WakeUp its;
    const MutexLock lock{shard.mutex};
    Ticket* const found = contender(shard, &backend, key);
    if (found != nullptr && !found->told_) its = found->turn();
}

void LocalQueue::put_first(Shard& shard, Ticket& ticket) noexcept {
    ticket.contends_ = true;
    ticket.before_ = nullptr;
    Ticket*& list = list_of(shard, ticket.key_);
    ticket.next_ = list;
    if (ticket.next_ != nullptr) ticket.next_->before_ = &ticket;
    list = &ticket;
}

// The next one takes over the line, and the turn. Where its predecessor was notified of hand-offs
// it will be, too: a release that was sent before its poll needs no second one.
WakeUp LocalQueue::pass_on(Shard& shard, Ticket& ticket) noexcept {
    ticket.contends_ = false;
    Ticket*& link = ticket.before_ != nullptr ? ticket.before_->next_ : list_of(shard, ticket.key_);
    link = ticket.next_;
    if (ticket.next_ != nullptr) ticket.next_->before_ = ticket.before_;
    Ticket* const heir = std::exchange(ticket.line_, nullptr);
    if (heir == nullptr) return {};
    heir->line_ = heir->next_;
    heir->last_ = ticket.last_;
    heir->told_ = ticket.told_;
    put_first(shard, *heir);
    return heir->turn();
}

void LocalQueue::append(Ticket& contender, Ticket& ticket) noexcept {
    Ticket*& link = contender.line_ != nullptr ? contender.last_->next_ : contender.line_;
    link = contender.last_ = &ticket;
    ticket.next_ = nullptr;
}

void LocalQueue::take_out(Ticket& contender, Ticket& ticket) noexcept {
    Ticket* before = nullptr;
    Ticket** link = &contender.line_;
    while (*link != &ticket) {
        before = *link;
        link = &before->next_;
    }
    *link = ticket.next_;
    if (contender.last_ == &ticket) contender.last_ = before;
}

}  // namespace leaselock::detail

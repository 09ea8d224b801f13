// Things under the time at which each is due, the first one in front: a heap, where each knows its
// index, so that it can be moved and taken out. The newest is mostly the last one due, so that it
// comes and goes at the end. With four children an entry, most of what is compared lies in a cache
// line or two, and to order them touches nothing but the heap.
//
// Thread-safety: its owner's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <leaselock/clock.hpp>

namespace leaselock::detail {

// `index_of` gives where an item keeps its index.
template <class Item, std::uint32_t& (*index_of)(Item&)>
class DueHeap {
  public:
    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] Item& first() const noexcept { return *entries_.front().item; }
    [[nodiscard]] Item& last() const noexcept { return *entries_.back().item; }
    // In no order, below size(). What is moved forward leaves behind only such as came before it.
    [[nodiscard]] Item& at(std::size_t index) const noexcept { return *entries_[index].item; }
    // When the first one is due; never, if there is none.
    [[nodiscard]] Clock::time_point due() const noexcept {
        return empty() ? Clock::time_point::max() : entries_.front().due;
    }

    // Up to that size add() does not allocate.
    void reserve(std::size_t size) {
        if (size > entries_.capacity()) entries_.reserve(std::max(size, 2 * entries_.capacity()));
    }
    // May throw bad_alloc; nothing has changed then.
    void add(Item& item, Clock::time_point due) {
        entries_.push_back({due, &item});
        settle(entries_.size() - 1, {due, &item});
    }
    void move(Item& item, Clock::time_point due) noexcept { settle(index_of(item), {due, &item}); }
    // It comes up then at the latest: one that does so before need not be moved.
    void hasten(Item& item, Clock::time_point due) noexcept {
        if (due < entries_[index_of(item)].due) move(item, due);
    }
    void remove(Item& item) noexcept {
        const Entry last = entries_.back();
        entries_.pop_back();
        if (last.item != &item) settle(index_of(item), last);
    }

    // For many at once. find_due() gives the indices of what is due at `now`, at most so many; each
    // is put off, and then the order is mended. Of the items that touches but those that change
    // their indices. Nothing else than at() may be called meanwhile.
    // May throw bad_alloc; nothing has changed then.
    void find_due(Clock::time_point now, std::size_t most,
                  std::vector<std::uint32_t>& found) const {
        found.clear();
        if (!empty() && entries_.front().due <= now) found.push_back(0);
        for (std::size_t i = 0; i < found.size(); ++i) {
            const std::size_t first = children * found[i] + 1;
            const std::size_t end = std::min(first + children, entries_.size());
            for (std::size_t each = first; each < end && found.size() < most; ++each) {
                if (entries_[each].due <= now) found.push_back(static_cast<std::uint32_t>(each));
            }
        }
    }
    void put_off(std::size_t index, Clock::time_point due) noexcept { entries_[index].due = due; }
    // `found`: all of them, in their order, in which each comes after its parent.
    void mend(std::span<const std::uint32_t> found) noexcept {
        for (std::size_t i = found.size(); i > 0; --i) sink(found[i - 1], entries_[found[i - 1]]);
    }

  private:
    struct Entry {
        Clock::time_point due;
        Item* item;
    };
    static constexpr std::size_t children = 4;

    void put(std::size_t at, const Entry& entry) noexcept {
        entries_[at] = entry;
        index_of(*entry.item) = static_cast<std::uint32_t>(at);
    }
    // From `at`, whose entry may be overwritten, to where it belongs.
    void settle(std::size_t at, const Entry& entry) noexcept {
        for (std::size_t parent = 0; at > 0; at = parent) {
            parent = (at - 1) / children;
            if (entries_[parent].due <= entry.due) break;
            put(at, entries_[parent]);
        }
        if (!sink(at, entry)) put(at, entry);
    }
    // Downwards from `at`. False: it belongs there, and nothing was done.
    bool sink(std::size_t at, const Entry entry) noexcept {
        const std::size_t from = at;
        for (std::size_t least = least_child(at);
             least < entries_.size() && entries_[least].due < entry.due; least = least_child(at)) {
            put(at, entries_[least]);
            at = least;
        }
        if (at == from) return false;
        put(at, entry);
        return true;
    }
    // size() or more: it has none.
    [[nodiscard]] std::size_t least_child(std::size_t at) const noexcept {
        const std::size_t first = children * at + 1;
        const std::size_t end = std::min(first + children, entries_.size());
        std::size_t least = first;
        for (std::size_t each = first + 1; each < end; ++each) {
            if (entries_[each].due < entries_[least].due) least = each;
        }
        return least;
    }

    std::vector<Entry> entries_;
};

}  // namespace leaselock::detail

// Those who wait for one key, in the order in which they came. Not for users.
//
// A list in that order, and an index by token: joining, repeating, leaving and handing over take
// the same time whether two wait or ten thousand. A dead entry is as good as none: it is dropped
// when it is met.
//
// Thread-safety: one thread at a time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <leaselock/backend.hpp>
#include <leaselock/claim.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/word.hpp>

namespace leaselock::detail {

class EntryQueue {
  public:
    struct Entry;
    using Entries = std::list<Entry>;
    // Those whose turn has come: mostly none.
    using Winners = std::optional<Entries>;
    struct Entry {
        std::string token;
        Listener* listener;  // null: forgotten
        std::chrono::milliseconds ttl;
        Claim claim;
        std::chrono::milliseconds min_hold;
        Clock::time_point seen;  // the newest acquire that was for it
        Clock::time_point end;
        std::uint64_t member = 0;  // see Tie
        WakeUp wake_up{};          // of the waiter here, when its turn has come
    };
    // Whether the process of an entry lives; never throws.
    using Lives = std::function<bool(const Entry&)>;

    // For a store that sees processes end: asked of the first entry alone.
    void set_lives(Lives lives) { lives_ = std::move(lives); }
    // The first entry that lives; null if there is none. Drops the dead ones before it.
    [[nodiscard]] const Entry* first(Clock::time_point now) noexcept {
        while (!entries_.empty() && is_dead(entries_.front(), now)) erase(entries_.begin());
        return entries_.empty() ? nullptr : &entries_.front();
    }

    // The acquire takes an entry at the end, or keeps the one that it has. May throw bad_alloc;
    // then nothing has changed.
    void join(const Request& acquire, std::uint64_t member) {
        const Clock::time_point now = acquire.submitted;
        const Clock::time_point end = saturating_add(now, acquire.entry_life);
        const auto found = index_.find(acquire.token);
        if (found != index_.end() && found->second->end > now) {
            Entry& entry = *found->second;
            entry.listener = acquire.listener;
            entry.ttl = acquire.ttl;
            entry.min_hold = acquire.min_hold;
            entry.member = member;
            entry.seen = std::max(entry.seen, now);
            entry.end = end;
            return;
        }
        if (found != index_.end()) erase(found->second);
        add({std::string(acquire.token), acquire.listener, acquire.ttl, acquire.claim,
             acquire.min_hold, now, end, member});
    }
    // The entry of a token that has none, at the end. Throws as join.
    void add(Entry&& entry) {
        entries_.push_back(std::move(entry));
        try {
            index_.emplace(entries_.back().token, std::prev(entries_.end()));
        } catch (...) {
            entries_.pop_back();
            throw;
        }
    }
    [[nodiscard]] bool has(std::string_view token) const noexcept {
        return index_.find(token) != index_.end();
    }
    // The neighbours of a token's entry, dead or not; null if there is none.
    [[nodiscard]] const Entry* before(std::string_view token) const noexcept {
        const auto found = index_.find(token);
        if (found == index_.end() || found->second == entries_.begin()) return nullptr;
        return &*std::prev(found->second);
    }
    [[nodiscard]] const Entry* after(std::string_view token) const noexcept {
        const auto found = index_.find(token);
        if (found == index_.end() || std::next(found->second) == entries_.end()) return nullptr;
        return &*std::next(found->second);
    }
    // In their order, dead ones too.
    [[nodiscard]] const Entries& entries() const noexcept { return entries_; }

    // The token has no entry any more.
    void leave(std::string_view token) noexcept {
        const auto found = index_.find(token);
        if (found != index_.end()) erase(found->second);
    }

    // Moves the first entry that lives, which is there, to the end of `to`.
    Entry& move_first(Winners& to) noexcept {
        index_.erase(entries_.front().token);
        if (!to) to.emplace();
        to->splice(to->end(), entries_, entries_.begin());
        return to->back();
    }

    void forget(const Listener& listener) noexcept {
        const auto found = index_.find(listener.token());
        if (found == index_.end() || found->second->listener != &listener) return;
        found->second->listener = nullptr;
    }

    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

  private:
    [[nodiscard]] bool is_dead(const Entry& entry, Clock::time_point now) const noexcept {
        return entry.end <= now || (lives_ && !lives_(entry));
    }
    void erase(Entries::iterator entry) noexcept {
        index_.erase(entry->token);
        entries_.erase(entry);
    }

    Lives lives_;
    Entries entries_;
    std::unordered_map<std::string_view, Entries::iterator> index_;  // the keys lie in the entries
};

}  // namespace leaselock::detail

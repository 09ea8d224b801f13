// Those who wait for one key, in the order in which they came. Not for users.
//
// A list in that order, and an index by token: joining, repeating, leaving and handing over take
// the same time whether two wait or ten thousand. A dead place is as good as none: it is dropped
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

namespace leaselock::detail {

class PlaceQueue {
  public:
    struct Place;
    using Places = std::list<Place>;
    // Those whose turn has come: mostly none.
    using Winners = std::optional<Places>;
    struct Place {
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
    // Whether the process of a place lives; never throws.
    using Lives = std::function<bool(const Place&)>;

    // For a store that sees processes end: asked of the first place alone.
    void set_lives(Lives lives) { lives_ = std::move(lives); }
    // The first place that lives; null if there is none. Drops the dead ones before it.
    [[nodiscard]] const Place* first(Clock::time_point now) noexcept {
        while (!places_.empty() && is_dead(places_.front(), now)) erase(places_.begin());
        return places_.empty() ? nullptr : &places_.front();
    }

    // The acquire takes a place at the end, or keeps the one that it has. May throw bad_alloc; then
    // nothing has changed.
    void join(const Request& acquire, std::uint64_t member) {
        const Clock::time_point now = acquire.submitted;
        const Clock::time_point end = saturating_add(now, acquire.place);
        const auto found = index_.find(acquire.token);
        if (found != index_.end() && found->second->end > now) {
            Place& place = *found->second;
            place.listener = acquire.listener;
            place.ttl = acquire.ttl;
            place.min_hold = acquire.min_hold;
            place.member = member;
            place.seen = std::max(place.seen, now);
            place.end = end;
            return;
        }
        if (found != index_.end()) erase(found->second);
        add({std::string(acquire.token), acquire.listener, acquire.ttl, acquire.claim,
             acquire.min_hold, now, end, member});
    }
    // The place of a token that has none, at the end. Throws as join.
    void add(Place&& place) {
        places_.push_back(std::move(place));
        try {
            index_.emplace(places_.back().token, std::prev(places_.end()));
        } catch (...) {
            places_.pop_back();
            throw;
        }
    }
    [[nodiscard]] bool has(std::string_view token) const noexcept {
        return index_.find(token) != index_.end();
    }
    // The neighbours of a token's place, dead or not; null if there is none.
    [[nodiscard]] const Place* before(std::string_view token) const noexcept {
        const auto found = index_.find(token);
        if (found == index_.end() || found->second == places_.begin()) return nullptr;
        return &*std::prev(found->second);
    }
    [[nodiscard]] const Place* after(std::string_view token) const noexcept {
        const auto found = index_.find(token);
        if (found == index_.end() || std::next(found->second) == places_.end()) return nullptr;
        return &*std::next(found->second);
    }
    // In their order, dead ones too.
    [[nodiscard]] const Places& places() const noexcept { return places_; }

    // The token has no place any more.
    void leave(std::string_view token) noexcept {
        const auto found = index_.find(token);
        if (found != index_.end()) erase(found->second);
    }

    // Moves the first place that lives, which is there, to the end of `to`.
    Place& move_first(Winners& to) noexcept {
        index_.erase(places_.front().token);
        if (!to) to.emplace();
        to->splice(to->end(), places_, places_.begin());
        return to->back();
    }

    void forget(const Listener& listener) noexcept {
        const auto found = index_.find(listener.token());
        if (found == index_.end() || found->second->listener != &listener) return;
        found->second->listener = nullptr;
    }

    [[nodiscard]] bool empty() const noexcept { return places_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return places_.size(); }

  private:
    [[nodiscard]] bool is_dead(const Place& place, Clock::time_point now) const noexcept {
        return place.end <= now || (lives_ && !lives_(place));
    }
    void erase(Places::iterator place) noexcept {
        index_.erase(place->token);
        places_.erase(place);
    }

    Lives lives_;
    Places places_;
    std::unordered_map<std::string_view, Places::iterator> index_;  // the keys lie in the places
};

}  // namespace leaselock::detail

// What a file says to those who wait for its lock.
//
// Thread-safety: one thread at a time.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include <leaselock/backend.hpp>

#include "file/lock_file.hpp"
#include "file/record.hpp"
#include "file/survivors.hpp"

namespace leaselock::file {

class Glimpse {
  public:
    // Inside. Throws FileError, and bad_alloc.
    explicit Glimpse(LockFile& file) {
        const std::string state = file.is_removed() ? std::string{} : file.load();
        if (!state.empty()) record_ = decode(state);
        const auto is_alive = [&](std::string_view token) { return file.is_alive(token); };
        if (record_.entry.queue == nullptr || !has_dead_holder(record_.entry, is_alive)) return;
        const auto& all = record_.entry.queue->places();
        const auto first = std::ranges::find_if(all, is_alive, &detail::PlaceQueue::Place::token);
        if (first != all.end()) heir_ = first->token;
    }

    // True: that was all that there will be for him.
    [[nodiscard]] bool tell(Listener& listener) const noexcept {
        const auto message =
            std::ranges::find(record_.messages, listener.token(), &Record::Message::token);
        if (message != record_.messages.end()) {
            listener.handed_over(message->what);
            return true;
        }
        const auto& queue = record_.entry.queue;
        const bool waits = queue != nullptr && queue->has(listener.token());
        if (!waits || heir_ == listener.token()) listener.look();
        return !waits;
    }

  private:
    Record record_{};
    std::string_view heir_{};  // whose turn it is to look, since the holder is dead
};

}  // namespace leaselock::file

// A channel without a caller that waits: the engine reads for those that nobody waits for, and
// keeps the time of their commands; a thread of its own makes the connection.
#include <algorithm>
#include <utility>

#include "base/words.hpp"
#include "redis/command_channel.hpp"
#include "redis/session.hpp"

namespace leaselock::redis {
namespace {

// So long an answer that nobody waits for may lie in the socket, for the next caller to read it.
constexpr std::chrono::milliseconds unread_for{20};

}  // namespace

CommandChannel::~CommandChannel() {
    end_connecting();
    leave_engine();
}

void CommandChannel::attend() noexcept {
    if (driving_ || is_ending()) return;
    if (is_open() && !queue_.empty()) drive(Clock::time_point::min());
    pass_on();
}

// Somebody has to read for those that nobody waits for. What is posted may lie for a moment.
void CommandChannel::leave_to_engine() noexcept {
    if (queue_.empty() || driving_ || is_ending()) return;
    if (!is_open()) return connect_if_due();
    if (queue_.front().number <= last_urgent_ || has_unsent()) {
        await();
        attend_at(queue_.front().expires);
    } else {
        attend_at(std::min(clock()->now() + unread_for, queue_.front().expires));
    }
}

// Nobody waits for a connection for longer than for an answer.
void CommandChannel::connect_if_due() noexcept {
    if (queue_.empty()) return;
    const Clock::time_point now = clock()->now();
    const bool is_pause = now < backoff().next_try();
    if (is_pause && queue_.front().expires <= now) {
        return refuse_all(Errc::connect_failed, refusal_);
    }
    connect();
    if (is_pause && !queue_.empty()) attend_at(queue_.front().expires);
}

std::error_code CommandChannel::open(std::string& why) {
    Deadline until = detail::saturating_add(clock()->now(), settings_.connect_timeout);
    {
        const detail::MutexLock lock{mutex_};
        if (!queue_.empty()) until = std::min(until, queue_.front().expires);
    }
    return open_session(connection_, settings_, *clock(), until, server_time_, why);
}

void CommandChannel::opened() {
    if (std::exchange(was_open_, true)) ++*settings_.reconnects;
    refusal_.clear();
    retire_ = false;
    backoff().succeeded();
    server_ahead_ =
        std::chrono::microseconds{server_time_} -
        std::chrono::duration_cast<std::chrono::microseconds>(clock()->now().time_since_epoch());
    for (Pending& pending : queue_) write(pending);
}

// Those who come before the next attempt wait for it, perhaps in vain.
void CommandChannel::refused(Errc error, std::string_view why) noexcept {
    base::keep_words(refusal_, why);
    refuse_all(error, why);
}

}  // namespace leaselock::redis

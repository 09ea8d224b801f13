#include <algorithm>
#include <new>

#include "redis/link.hpp"
#include "redis/session.hpp"

namespace leaselock::redis {
namespace {

const char* words(Errc error) noexcept {
    switch (error) {
        case Errc::command_timed_out: return "no answer within the command time-out";
        case Errc::protocol_error: return "the answer is not RESP";
        default: return "the connection broke before the answer";
    }
}

}  // namespace

// One round: connect, or read what comes. Without memory nothing can be read, so the connection
// ends; the next round begins anew.
void Link::drive(Deadline receive_until, Deadline connect_until) noexcept {
    driving_ = true;
    try {
        if (open_) {
            receive(receive_until);
        } else {
            connect(std::min(connect_until, queue_.front().expires));
        }
    } catch (const std::bad_alloc&) {
        fail(Errc::connection_lost);
        refuse_all(Errc::connect_failed, "no memory");
    }
    driving_ = false;
}

// If the socket had no room for all that is to be sent, it is tried again soon.
void Link::receive(Deadline deadline) {
    flush();
    Deadline until = std::min(deadline, queue_.front().expires);
    if (has_unsent()) until = std::min(until, clock_->now() + first_backoff);
    // Who reads for others as well would keep a processor from those that he wakes.
    const bool is_alone = queue_.size() == 1;
    wire::Reply answer;
    wire::Received received{};
    {
        const detail::MutexUnlock unlocked{mutex_};
        received =
            connection_.receive(answer, until, is_alone ? settings_.spin : Clock::duration{0});
    }
    take(received, answer);
    while (open_ && connection_.has_unread()) {
        received = connection_.receive(answer, Clock::time_point::min());
        if (received == wire::Received::timed_out) break;
        take(received, answer);
    }
    if (open_ && retire_ && (queue_.empty() || queue_.front().state == State::waiting)) close();
}

void Link::take(wire::Received received, const wire::Reply& answer) {
    const bool asked = !queue_.empty() && queue_.front().state == State::sent;
    switch (received) {
        case wire::Received::reply:
            if (asked) {
                settle(answer);
            } else {
                fail(Errc::protocol_error);
            }
            break;
        case wire::Received::closed: fail(Errc::connection_lost); break;
        case wire::Received::malformed: fail(Errc::protocol_error); break;
        case wire::Received::timed_out:
            if (asked && clock_->now() >= queue_.front().expires) fail(Errc::command_timed_out);
            break;
    }
}

// A server that cannot be reached is not tried again and again by each caller: they all wait at the
// gate, which stays shut longer with each failure.
bool Link::wait_at_gate(Deadline deadline) {
    const Clock::time_point until = std::min(gate_.opens(), deadline);
    if (until > clock_->now()) {
        const detail::MutexUnlock unlocked{mutex_};
        clock_->sleep_until(until, {});
    }
    return clock_->now() < deadline;
}

void Link::connect(Deadline deadline) {
    std::error_code error = Errc::connect_failed;
    std::string why = "the attempts before failed";
    std::int64_t server_time = 0;
    if (wait_at_gate(deadline)) {
        const detail::MutexUnlock unlocked{mutex_};
        const Deadline until =
            std::min(deadline, detail::saturating_add(clock_->now(), settings_.connect_timeout));
        error = open_session(connection_, settings_, *clock_, until, server_time, why);
    }
    if (!error) {
        connected(server_time);
        return;
    }
    connection_.close();
    // A caller in a hurry does not speak for the others, but what the server said counts for all.
    const bool ran_out_of_time =
        queue_.empty() || (clock_->now() >= deadline && deadline < queue_.front().expires);
    if (ran_out_of_time && error == Errc::connect_failed) return;
    gate_.shut(clock_->now());
    refuse_all(static_cast<Errc>(error.value()), why);
}

void Link::connected(std::int64_t server_time) {
    open_ = true;
    retire_ = false;
    gate_.open();
    server_ahead_ =
        std::chrono::microseconds{server_time} -
        std::chrono::duration_cast<std::chrono::microseconds>(clock_->now().time_since_epoch());
    for (Pending& pending : queue_) write(pending);
    flush();
}

// Nothing of these has left.
void Link::refuse_all(Errc error, std::string_view why) noexcept {
    while (!queue_.empty()) {
        Operation* const operation = queue_.front().operation;
        queue_.pop_front();
        if (operation != nullptr) finish(*operation, error, why);
    }
}

// What may have left is unknown; the rest waits for the next connection.
void Link::fail(Errc error) noexcept {
    close();
    while (!queue_.empty() && queue_.front().state == State::sent) {
        Operation* const operation = queue_.front().operation;
        queue_.pop_front();
        if (operation != nullptr) finish(*operation, error, words(error));
    }
    std::erase_if(queue_, [](const Pending& pending) { return pending.operation == nullptr; });
    for (Pending& pending : queue_) pending.state = State::waiting;
}

void Link::finish(Operation& operation, Errc error, std::string_view why) noexcept {
    operation.reply.outcome = Outcome::failed;
    operation.reply.error = error;
    try {
        operation.reply.detail = settings_.name + ": " + std::string(why);
    } catch (const std::bad_alloc&) {
        operation.reply.detail.clear();  // the code says enough
    }
    complete(operation);
}

void Link::close() noexcept {
    open_ = false;
    connection_.interrupt();
    while (writing_) writer_done_.wait(mutex_);
    connection_.close();
    out_.clear();
    sending_.clear();
    sent_bytes_ = 0;
}

}  // namespace leaselock::redis

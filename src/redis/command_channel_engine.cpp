// A channel without a caller that waits: the engine reads for those that nobody waits for, and
// keeps the time of their commands; a thread of its own makes the connection.
#include <algorithm>
#include <new>
#include <utility>

#include <leaselock/error.hpp>

#include "base/threads.hpp"
#include "redis/command_channel.hpp"
#include "redis/session.hpp"

namespace leaselock::redis {
namespace {

// So long an answer that nobody waits for may lie in the socket, for the next caller to read it.
constexpr std::chrono::milliseconds unread_for{20};

}  // namespace

// An open() that begins after an interruption does not know of it, so that is said again. A step
// and a connect that are under way still use the engine.
CommandChannel::~CommandChannel() {
    std::shared_ptr<engine::Engine> engine;
    std::thread connector;
    {
        const detail::MutexLock lock{mutex_};
        ending_ = true;
        engine = engine_;
        connector.swap(connector_);
        while (connecting_) {
            connection_.interrupt();
            const detail::MutexUnlock unlocked{mutex_};
            connect_over_.wait(std::chrono::milliseconds{1});
        }
    }
    if (connector.joinable()) connector.join();
    if (engine != nullptr) engine->remove(*this);
}

// Somebody has to read for those that nobody waits for. What is posted may lie for a moment.
void CommandChannel::attend() noexcept {
    if (queue_.empty() || driving_ || ending_) return;
    if (!open_) return begin_connect();
    const bool is_urgent = std::any_of(queue_.begin(), queue_.end(), [](const Pending& pending) {
        return pending.operation != nullptr && pending.operation->submitter == Submitter::goes_on;
    });
    if (is_urgent || has_unsent()) {
        engine_->await(*this, true, has_unsent());
        set_timer(queue_.front().expires);
    } else {
        set_timer(std::min(clock_->now() + unread_for, queue_.front().expires));
    }
}

// A timer that is early costs a step, which sets it again.
void CommandChannel::set_timer(Clock::time_point when) noexcept {
    if (timer_ <= when) return;
    timer_ = when;
    engine_->ring_at(*this, when, *clock_);
}

void CommandChannel::step(Clock::time_point /*now*/) noexcept {
    mutex_.lock();
    timer_ = Clock::time_point::max();
    join_connector();
    if (!driving_ && !ending_) {
        if (open_ && !queue_.empty()) drive(Clock::time_point::min());
        pass_on();
    }
    unlock_and_wake();
}

// A server that cannot be reached is not tried again and again by each caller: they all wait for
// the end of the back-off, which is longer with each failure.
void CommandChannel::begin_connect() noexcept {
    if (open_ || closing_ || connecting_ || ending_ || queue_.empty()) return;
    const Clock::time_point now = clock_->now();
    try {
        if (engine_ == nullptr) engine_ = engine::Engine::shared_with(*this);
    } catch (const LockError& error) {
        return refuse_all(Errc::no_thread, error.what());
    } catch (const std::bad_alloc&) {
        return refuse_all(Errc::connect_failed, "no memory");
    }
    if (backoff_.next_try() <= now) return start_connecting(now);
    if (queue_.front().expires <= now) {
        refuse_all(Errc::connect_failed, "the attempts before failed");
    } else {
        set_timer(std::min(backoff_.next_try(), queue_.front().expires));
    }
}

// A thread that has ended keeps its stack until it is joined. One that is still at work may need
// the mutex: it has made a connection and writes on it, say.
void CommandChannel::join_connector() noexcept {
    if (std::exchange(connector_ended_, false) && connector_.joinable()) connector_.join();
}

void CommandChannel::start_connecting(Clock::time_point now) noexcept {
    join_connector();
    // It has made a connection that broke at once, and ends in a moment.
    if (connector_.joinable()) return engine_->ring(*this);
    connect_over_.take(1);
    const Deadline until =
        std::min(detail::saturating_add(now, settings_.connect_timeout), queue_.front().expires);
    try {
        connecting_ = detail::start_thread(connector_, [this, until] { connect(until); });
        if (!connecting_) refuse_all(Errc::no_thread, "the system gives no thread to connect");
    } catch (const std::bad_alloc&) {
        refuse_all(Errc::connect_failed, "no memory");
    }
}

void CommandChannel::connect(Deadline until) noexcept {
    std::error_code error = Errc::connect_failed;
    std::string why;
    std::int64_t server_time = 0;
    try {
        error = open_session(connection_, settings_, *clock_, until, server_time, why);
    } catch (const std::bad_alloc&) {
        why.clear();
    }
    mutex_.lock();
    connecting_ = false;
    connect_over_.set(1);
    try {
        if (!error && !engine_->watch(*this, connection_.fd())) {
            error = Errc::connect_failed;
            why = "the system watches no more descriptors";
        }
        if (!error) connected(server_time);
    } catch (const std::bad_alloc&) {
        error = Errc::connect_failed;
        close();
    }
    if (error) {
        connection_.close();
        backoff_.failed(clock_->now());
        refuse_all(static_cast<Errc>(error.value()), why);
    }
    pass_on();
    connector_ended_ = true;
    unlock_and_wake();
}

}  // namespace leaselock::redis

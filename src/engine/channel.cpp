#include "engine/channel.hpp"

#include <new>
#include <utility>

#include "base/threads.hpp"

namespace leaselock::engine {

Channel::Channel(std::shared_ptr<Clock> clock, std::chrono::milliseconds first_pause,
                 std::chrono::milliseconds longest_pause)
    : clock_{std::move(clock)}, backoff_{first_pause, longest_pause} {}

// An open() that begins after an interruption does not know of it, so that is said again.
void Channel::end_connecting() noexcept {
    std::thread connector;
    {
        const detail::MutexLock lock{mutex_};
        is_ending_ = true;
        connector.swap(connector_);
        while (is_connecting_) {
            stream().interrupt();
            const detail::MutexUnlock unlocked{mutex_};
            connect_over_.wait(std::chrono::milliseconds{1});
        }
    }
    if (connector.joinable()) connector.join();
}

// A step that is under way still uses the engine.
void Channel::leave_engine() noexcept {
    std::shared_ptr<Engine> engine;
    {
        const detail::MutexLock lock{mutex_};
        engine = engine_;
    }
    if (engine != nullptr) engine->remove(*this);
}

void Channel::step(Clock::time_point /*now*/) noexcept {
    mutex_.lock();
    timer_ = Clock::time_point::max();
    is_awaited_ = false;
    join_connector();
    attend();
    unlock();
}

// A server that cannot be reached is not tried again and again by each caller: all of them wait for
// the end of the pause.
void Channel::connect() noexcept {
    if (is_open_ || is_closing_ || is_connecting_ || is_ending_) return;
    try {
        if (engine_ == nullptr) engine_ = Engine::shared_with(*this);
        if (clock_->now() < backoff_.next_try()) return attend_at(backoff_.next_try());
        start_connector();
    } catch (const LockError& error) {
        refuse(Errc::no_thread, error.what());
    } catch (const std::bad_alloc&) {
        refuse(Errc::connect_failed, "no memory");
    }
}

// One that has made a connection that broke at once rings when it has ended.
void Channel::start_connector() {
    join_connector();
    if (connector_.joinable()) return;
    connect_over_.take(1);
    is_connecting_ = detail::start_thread(connector_, [this] { run_connector(); });
    if (!is_connecting_) refuse(Errc::no_thread, "the system gives no thread to connect");
}

// It needs the mutex no more once it has said that it has ended.
void Channel::join_connector() noexcept {
    if (std::exchange(connector_ended_, false) && connector_.joinable()) connector_.join();
}

void Channel::run_connector() noexcept {
    std::error_code error = Errc::connect_failed;
    std::string why;
    try {
        error = open(why);
    } catch (const std::bad_alloc&) {
        error = Errc::connect_failed;
        why.clear();
    }
    mutex_.lock();
    is_connecting_ = false;
    connect_over_.set(1);
    try {
        if (!error && !engine_->watch(*this, stream().fd())) {
            error = Errc::connect_failed;
            why = "the system watches no more descriptors";
        }
        is_open_ = !error;
        if (is_open_) opened();
        flush();
    } catch (const std::bad_alloc&) {
        error = Errc::connect_failed;
        if (is_open_) close();
    }
    if (error) {
        stream().close();
        refuse(static_cast<Errc>(error.value()), why);
    }
    unlock();
    const detail::MutexLock lock{mutex_};
    connector_ended_ = true;
    engine_->ring(*this);
}

void Channel::refuse(Errc error, std::string_view why) noexcept {
    backoff_.failed(clock_->now());
    refused(error, why);
}

// A forked child may have the socket, too, so it is shut down.
void Channel::close() noexcept {
    is_open_ = false;
    is_closing_ = true;
    is_awaited_ = false;
    if (engine_ != nullptr) engine_->unwatch(*this);
    stream().interrupt();
    while (is_sending_) {
        sent_.take(1);
        const detail::MutexUnlock unlocked{mutex_};
        sent_.wait(std::chrono::seconds{1});
    }
    stream().close();
    is_closing_ = false;
    sending_.clear();
    sent_bytes_ = 0;
}

void Channel::flush(bool yields) noexcept {
    while (is_open_ && !is_sending_ && has_unsent()) {
        is_sending_ = true;
        const bool all = send_some(yields);
        is_sending_ = false;
        sent_.set(1);
        if (!all) return;
    }
}

// False: the socket takes no more. Two buffers change places, so that nothing is allocated: a
// command that was cut off by a lack of memory would be read together with the next one.
bool Channel::send_some(bool yields) noexcept {
    if (sent_bytes_ == sending_.size()) {
        if (yields) {
            const detail::MutexUnlock unlocked{mutex_};
            std::this_thread::yield();
        }
        if (!is_open_) return false;
        sending_.clear();
        sent_bytes_ = 0;
        take_output(sending_);
    }
    const std::string_view rest = std::string_view{sending_}.substr(sent_bytes_);
    wire::Sent sent;
    {
        const detail::MutexUnlock unlocked{mutex_};
        sent = stream().send(rest, Clock::time_point::min());
    }
    sent_bytes_ += sent.bytes;
    return sent.bytes == rest.size();
}

void Channel::await() noexcept {
    const bool has_more = has_unsent();
    if (is_awaited_ && !has_more) return;
    engine_->await(*this, true, has_more);
    is_awaited_ = true;
}

void Channel::await_nothing() noexcept {
    engine_->await(*this, false, false);
    is_awaited_ = false;
}

// A time that is early costs a step, which sets it again.
void Channel::attend_at(Clock::time_point when) noexcept {
    if (timer_ <= when || engine_ == nullptr) return;
    timer_ = when;
    engine_->ring_at(*this, when, *clock_);
}

}  // namespace leaselock::engine

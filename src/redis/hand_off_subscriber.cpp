#include "redis/hand_off_subscriber.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fmt/format.h>
#include <new>
#include <poll.h>
#include <random>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/threads.hpp"
#include "redis/codec.hpp"
#include "redis/session.hpp"
#include "wire/command.hpp"

namespace leaselock::redis {
namespace {

using std::chrono::milliseconds;

// So long a silent connection is believed to be alive.
constexpr std::chrono::seconds silence{1};
// So soon the engine comes again where a driver is reading just now.
constexpr milliseconds moment{5};
// A right that is missing, or a wrong password, is a matter of people.
constexpr std::chrono::seconds seldom{30};

std::string subscribe_command(std::string_view channel) {
    std::string out;
    wire::append_command(out, std::array<std::string_view, 2>{"SUBSCRIBE", channel});
    return out;
}

// Sleeps until there is something to be read (true), until the time, or until the waker is woken.
// Naps of a second, since the kernel's time stands still while the machine is suspended.
bool nap(int subscription, int bell, Clock::time_point until, Waker& waker) noexcept {
    if (!waker.begin_poll(bell)) return false;
    const Clock::duration left = std::clamp<Clock::duration>(
        until - boot_clock()->now(), Clock::duration{0}, std::chrono::seconds{1});
    const timespec time{.tv_sec = left / std::chrono::seconds{1},
                        .tv_nsec = (left % std::chrono::seconds{1}).count()};
    std::array<pollfd, 2> ready{{{subscription, POLLIN, 0}, {bell, POLLIN, 0}}};
    (void)::ppoll(ready.data(), ready.size(), &time, nullptr);
    if (waker.end_poll()) {
        std::uint64_t ring = 0;
        while (::read(bell, &ring, sizeof ring) < 0 && errno == EINTR) {
        }
    }
    return ready.front().revents != 0;
}

}  // namespace

std::string new_channel() {
    std::random_device random;
    return fmt::format("leaselock:{:08x}{:08x}{:08x}{:08x}", random(), random(), random(),
                       random());
}

HandOffSubscriber::HandOffSubscriber(ConnectionSettings settings, std::shared_ptr<Clock> clock,
                                     std::string channel)
    : settings_{std::move(settings)},
      clock_{std::move(clock)},
      channel_{std::move(channel)},
      command_{subscribe_command(channel_)},
      connection_{clock_} {}

// An open() that begins after an interruption does not know of it, so that is said again. A step
// and a connect that are under way still use the engine.
HandOffSubscriber::~HandOffSubscriber() {
    ending_ = true;
    std::shared_ptr<engine::Engine> engine;
    std::thread connector;
    {
        const detail::MutexLock lock{mutex_};
        engine = engine_;
        connector.swap(connector_);
        while (state_ == State::connecting) {
            connection_.interrupt();
            const detail::MutexUnlock unlocked{mutex_};
            connect_over_.wait(milliseconds{1});
        }
    }
    if (connector.joinable()) connector.join();
    if (engine != nullptr) engine->remove(*this);
}

std::uint64_t HandOffSubscriber::enlist(std::span<Operation* const> operations) noexcept {
    if (subscription_.load(std::memory_order_relaxed) == 0) return 0;
    Listeners fresh;
    try {
        for (const Operation* const operation : operations) {
            Listener* const listener = operation->request.listener;
            if (listener != nullptr) fresh.insert(listener);
        }
    } catch (const std::bad_alloc&) {
        return 0;
    }
    if (fresh.empty()) return 0;
    const detail::MutexLock lock{mutex_};
    listeners_.merge(fresh);
    return subscription_.load(std::memory_order_relaxed);
}

void HandOffSubscriber::listen(Listener& listener) noexcept {
    try {
        Listeners fresh{&listener};
        const detail::MutexLock lock{mutex_};
        listeners_.merge(fresh);
        if (subscription_.load(std::memory_order_relaxed) != 0) listener.look();
        if (engine_ == nullptr) engine_ = engine::Engine::shared_with(*this);
        open_if_due();
    } catch (const std::bad_alloc&) {
        return;  // it polls
    } catch (const LockError&) {
        return;
    }
}

void HandOffSubscriber::forget(Listener& listener) noexcept {
    Listeners::node_type gone;
    const detail::MutexLock lock{mutex_};
    const auto found = listeners_.find(&listener);
    if (found != listeners_.end() && *found == &listener) gone = listeners_.extract(found);
}

void HandOffSubscriber::step(Clock::time_point /*now*/) noexcept {
    const detail::MutexLock lock{mutex_};
    if (state_ != State::connecting && connector_.joinable()) connector_.join();
    if (state_ != State::open) return open_if_due();
    if (reading_) return engine_->ring_at(*this, clock_->now() + moment, *clock_);
    if (!read_alone()) return close({});
    if (driver_ == nullptr) engine_->await(*this, true, false);
    engine_->ring_at(*this, silent_by_, *clock_);
}

// One that is driven is not awaited by the engine: a message would wake both.
bool HandOffSubscriber::sleep_until(Clock::time_point until, Waker& waker) noexcept {
    const detail::MutexLock lock{mutex_};
    if (state_ != State::open || driver_ != nullptr || reading_) return false;
    if (!bell_) bell_ = base::Descriptor{::eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE)};
    if (!bell_) return false;
    driver_ = &waker;
    engine_->await(*this, false, false);
    const bool has_slept = drive(until, waker);
    leave(waker);
    return has_slept;
}

// False: the connection broke, or the engine reads just now.
bool HandOffSubscriber::drive(Clock::time_point until, Waker& waker) noexcept {
    for (;;) {
        const int subscription = connection_.fd();
        const int bell = bell_.get();
        bool is_readable = false;
        {
            const detail::MutexUnlock unlocked{mutex_};
            is_readable = nap(subscription, bell, until, waker);
        }
        if (driver_ != &waker || reading_) return false;
        if (is_readable && !read_alone()) {
            close({});
            return false;
        }
        if (waker.wait(Clock::duration{0}) || boot_clock()->now() >= until) return true;
    }
}

// close() takes the role away.
void HandOffSubscriber::leave(const Waker& waker) noexcept {
    if (driver_ != &waker) return;
    driver_ = nullptr;
    if (!reading_) engine_->await(*this, true, false);
}

void HandOffSubscriber::open_if_due() noexcept {
    if (state_ != State::closed || ending_ || listeners_.empty()) return;
    if (clock_->now() < backoff_.next_try())
        return engine_->ring_at(*this, backoff_.next_try(), *clock_);
    if (connector_.joinable()) connector_.join();  // it has ended
    connect_over_.take(1);
    try {
        if (!detail::start_thread(connector_, [this] { connect(); })) throw std::bad_alloc{};
        state_ = State::connecting;
    } catch (const std::bad_alloc&) {
        backoff_.failed(clock_->now());
        engine_->ring_at(*this, backoff_.next_try(), *clock_);
    }
}

// A connection that breaks as soon as it is made is a failure as any other.
void HandOffSubscriber::connect() noexcept {
    std::error_code error = Errc::connect_failed;
    try {
        error = subscribe();
    } catch (const std::bad_alloc&) {
        error = Errc::connect_failed;
    }
    const detail::MutexLock lock{mutex_};
    connect_over_.set(1);
    if (ending_) {
        state_ = State::closed;
    } else if (error || !engine_->watch(*this, connection_.fd())) {
        close(error ? error : Errc::connect_failed);
    } else {
        confirmed();
    }
}

// Without an error it was open until now. The engine opens the next one: the thread that has just
// failed to connect cannot wait for its own end.
void HandOffSubscriber::close(std::error_code error) noexcept {
    engine_->unwatch(*this);
    connection_.interrupt();  // for a forked child may have the socket, too
    connection_.close();
    subscription_ = 0;
    state_ = State::closed;
    driver_ = nullptr;
    const Clock::time_point now = clock_->now();
    if (error == Family::refused) {
        backoff_.pause(seldom, now);
    } else if (!error && now - opened_ > silence) {
        backoff_.succeeded();
    } else {
        backoff_.failed(now);
    }
    engine_->ring_at(*this, backoff_.next_try(), *clock_);
}

std::error_code HandOffSubscriber::subscribe() {
    const Clock::time_point until = detail::saturating_add(
        clock_->now(), std::min(settings_.connect_timeout, settings_.command_timeout));
    std::int64_t server_time = 0;
    std::string why;
    const std::error_code error =
        open_session(connection_, settings_, *clock_, until, server_time, why);
    return error ? error : confirm(until);
}

std::error_code HandOffSubscriber::confirm(Clock::time_point until) {
    wire::Reply answer;
    if (ending_ || !ask(until) || connection_.receive(answer, until) != wire::Received::reply) {
        return Errc::connect_failed;
    }
    if (answer.is_error()) return classify(answer.text());
    return is_subscribed(answer) ? std::error_code{} : Errc::protocol_error;
}

// To subscribe once more changes nothing, and its answer shows that the connection lives and still
// has its channel. It needs no right that a PING would.
bool HandOffSubscriber::ask(Clock::time_point until) noexcept {
    return !connection_.send(command_, until).error;
}

bool HandOffSubscriber::read_alone() noexcept {
    reading_ = true;
    bool is_well = false;
    {
        const detail::MutexUnlock unlocked{mutex_};
        is_well = read() && is_alive(clock_->now());
    }
    reading_ = false;
    return is_well;
}

bool HandOffSubscriber::read() noexcept {
    wire::Reply answer;
    for (;;) {
        const wire::Received received = connection_.receive(answer, Clock::time_point::min());
        if (received == wire::Received::timed_out) return true;
        if (received != wire::Received::reply) return false;
        if (has_asked_ && is_subscribed(answer)) {
            has_asked_ = false;
        } else if (!take(answer)) {
            return false;
        }
        if (!has_asked_) silent_by_ = clock_->now() + silence;
        if (!connection_.has_unread()) return true;
    }
}

// Where nothing has come for some time it is asked.
bool HandOffSubscriber::is_alive(Clock::time_point now) noexcept {
    if (now < silent_by_) return true;
    if (has_asked_ || !ask(Clock::time_point::min())) return false;
    has_asked_ = true;
    silent_by_ = detail::saturating_add(now, settings_.command_timeout);
    return true;
}

bool HandOffSubscriber::is_subscribed(wire::ReplyView answer) const noexcept {
    return answer.size() == 3 && answer.at(0).text() == "subscribe" &&
           answer.at(1).text() == channel_ && answer.at(2).integer() == 1;
}

// False: that is nothing that a subscriber is told without asking.
bool HandOffSubscriber::take(wire::ReplyView answer) noexcept {
    if (answer.size() != 3 || answer.at(0).text() != "message" || answer.at(1).text() != channel_ ||
        answer.at(2).type() != wire::ReplyView::Type::string) {
        return false;
    }
    deliver(answer.at(2).text());
    return true;
}

void HandOffSubscriber::confirmed() noexcept {
    if (subscriptions_ != 0) ++*settings_.reconnects;
    state_ = State::open;
    subscription_ = ++subscriptions_;
    opened_ = clock_->now();
    has_asked_ = false;
    silent_by_ = opened_ + silence;
    engine_->await(*this, true, false);
    engine_->ring_at(*this, silent_by_, *clock_);
    for (Listener* const listener : listeners_) listener->look();
}

void HandOffSubscriber::deliver(std::string_view message) noexcept {
    const auto hand_off = decode_hand_off(message);
    if (!hand_off) return;
    HandOff what = hand_off->what;
    for (std::string_view rest = hand_off->tokens;;) {
        const std::size_t end = rest.find(',');
        deliver_to(rest.substr(0, end), what);
        if (end == std::string_view::npos) return;
        rest.remove_prefix(end + 1);
        ++what.fencing_token;
    }
}

// Its thread goes on when nothing is locked any more.
WakeUp HandOffSubscriber::deliver_to(std::string_view token, const HandOff& what) noexcept {
    const detail::MutexLock lock{mutex_};
    const auto found = listeners_.find(token);
    return found == listeners_.end() ? WakeUp{} : (*found)->handed_over(what);
}

}  // namespace leaselock::redis

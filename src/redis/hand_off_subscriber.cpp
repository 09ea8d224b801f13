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
#include <utility>

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
// Naps of a second, since the kernel's time stops while the machine is suspended.
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
    : Channel{clock, first_pause, longest_pause},
      settings_{std::move(settings)},
      channel_{std::move(channel)},
      command_{subscribe_command(channel_)},
      connection_{std::move(clock)} {}

HandOffSubscriber::~HandOffSubscriber() {
    end_connecting();
    leave_engine();
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
        if (subscription_.load(std::memory_order_relaxed) != 0) listener.poll();
        connect_if_wanted();
    } catch (const std::bad_alloc&) {
        return;  // it polls
    }
}

void HandOffSubscriber::forget(Listener& listener) noexcept {
    Listeners::node_type gone;
    const detail::MutexLock lock{mutex_};
    const auto found = listeners_.find(&listener);
    if (found != listeners_.end() && *found == &listener) gone = listeners_.extract(found);
}

void HandOffSubscriber::forget_all() noexcept {
    Listeners gone;
    const detail::MutexLock lock{mutex_};
    listeners_.swap(gone);
}

void HandOffSubscriber::let_all_poll() noexcept {
    const detail::MutexLock lock{mutex_};
    for (Listener* const listener : listeners_) listener->poll();
}

bool HandOffSubscriber::wants_driver() noexcept {
    const detail::MutexLock lock{mutex_};
    return is_open() && driver_ == nullptr && !reading_ && !listeners_.empty();
}

void HandOffSubscriber::attend() noexcept {
    if (!is_open()) return connect_if_wanted();
    if (reading_) return attend_at(clock()->now() + moment);
    if (!read_alone()) return lost();
    if (driver_ == nullptr) await();
    attend_at(silent_by_);
}

// One that is driven is not awaited by the engine: a message would wake both.
bool HandOffSubscriber::sleep_until(Clock::time_point until, Waker& waker) noexcept {
    const detail::MutexLock lock{mutex_};
    if (!is_open() || driver_ != nullptr || reading_) return false;
    if (!bell_) bell_ = base::Descriptor{::eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE)};
    if (!bell_) return false;
    driver_ = &waker;
    await_nothing();
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
            lost();
            return false;
        }
        if (waker.wait(Clock::duration{0}) || boot_clock()->now() >= until) return true;
    }
}

// lost() takes the role away.
void HandOffSubscriber::leave(const Waker& waker) noexcept {
    if (driver_ != &waker) return;
    driver_ = nullptr;
    if (!reading_) await();
}

void HandOffSubscriber::connect_if_wanted() noexcept {
    if (!listeners_.empty()) connect();
}

std::error_code HandOffSubscriber::open(std::string& why) {
    const Clock::time_point until = detail::saturating_add(
        clock()->now(), std::min(settings_.connect_timeout, settings_.command_timeout));
    std::int64_t server_time = 0;
    const std::error_code error =
        open_session(connection_, settings_, *clock(), until, server_time, why);
    return error ? error : confirm(until);
}

// That it is there is not yet a success: see lost().
void HandOffSubscriber::opened() noexcept {
    if (subscriptions_ != 0) ++*settings_.reconnects;
    subscription_ = ++subscriptions_;
    opened_ = clock()->now();
    has_asked_ = false;
    silent_by_ = opened_ + silence;
    for (Listener* const listener : listeners_) listener->poll();
}

void HandOffSubscriber::refused(Errc error, std::string_view /*why*/) noexcept {
    if (family(error) == Family::refused) backoff().pause(seldom, clock()->now());
    attend_at(backoff().next_try());
}

// A connection that breaks as soon as it is made is a failure as any other.
void HandOffSubscriber::lost() noexcept {
    close();
    out_.clear();
    subscription_ = 0;
    driver_ = nullptr;
    const Clock::time_point now = clock()->now();
    if (now - opened_ > silence) {
        backoff().succeeded();
    } else {
        backoff().failed(now);
    }
    attend_at(backoff().next_try());
}

std::error_code HandOffSubscriber::confirm(Clock::time_point until) {
    wire::RespValue answer;
    if (is_ending() || connection_.send(command_, until).error ||
        connection_.receive(answer, until) != wire::Received::reply) {
        return Errc::connect_failed;
    }
    if (answer.is_error()) return classify(answer.text());
    return is_subscribed(answer) ? std::error_code{} : Errc::protocol_error;
}

bool HandOffSubscriber::read_alone() noexcept {
    reading_ = true;
    bool is_well = false;
    {
        const detail::MutexUnlock unlocked{mutex_};
        is_well = read();
    }
    reading_ = false;
    return is_well && is_alive();
}

bool HandOffSubscriber::read() noexcept {
    wire::RespValue answer;
    for (;;) {
        const wire::Received received = connection_.receive(answer, Clock::time_point::min());
        if (received == wire::Received::timed_out) return true;
        if (received != wire::Received::reply) return false;
        if (has_asked_ && is_subscribed(answer)) {
            has_asked_ = false;
        } else if (!take(answer)) {
            return false;
        }
        if (!has_asked_) silent_by_ = clock()->now() + silence;
        if (!connection_.has_unread()) return true;
    }
}

// Where nothing has come for some time it is asked. To subscribe once more changes nothing, and its
// answer shows that the connection lives and still has its channel. It needs no right that a PING
// would.
bool HandOffSubscriber::is_alive() noexcept {
    const Clock::time_point now = clock()->now();
    if (now < silent_by_) return true;
    if (std::exchange(has_asked_, true)) return false;
    try {
        out_ += command_;
    } catch (const std::bad_alloc&) {
        return false;
    }
    flush();
    silent_by_ = detail::saturating_add(now, settings_.command_timeout);
    return true;
}

bool HandOffSubscriber::is_subscribed(wire::RespView answer) const noexcept {
    return answer.size() == 3 && answer.at(0).text() == "subscribe" &&
           answer.at(1).text() == channel_ && answer.at(2).integer() == 1;
}

// False: that is nothing that a subscriber gets without asking.
bool HandOffSubscriber::take(wire::RespView answer) noexcept {
    if (answer.size() != 3 || answer.at(0).text() != "message" || answer.at(1).text() != channel_ ||
        answer.at(2).type() != wire::RespView::Type::string) {
        return false;
    }
    deliver(answer.at(2).text());
    return true;
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
    if (found == listeners_.end()) return {};
    // No replica may have it: the acquire that follows is acknowledged, or the hand-off is not
    // believed.
    return settings_.wait_replicas > 0 ? (*found)->poll() : (*found)->handed_over(what);
}

}  // namespace leaselock::redis

#include "redis/inbox.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <new>
#include <random>

#include "redis/codec.hpp"
#include "redis/session.hpp"
#include "threads.hpp"
#include "wire/command.hpp"

namespace leaselock::redis {
namespace {

using std::chrono::milliseconds;

// So long a silent connection is believed to be alive.
constexpr std::chrono::seconds silence{1};
// A right that is missing, or a wrong password, is a matter of people.
constexpr std::chrono::seconds seldom{30};

std::string subscribe_command(std::string_view channel) {
    std::string out;
    wire::append_command(out, std::array<std::string_view, 2>{"SUBSCRIBE", channel});
    return out;
}

}  // namespace

std::string new_channel() {
    std::random_device random;
    return fmt::format("leaselock:{:08x}{:08x}{:08x}{:08x}", random(), random(), random(),
                       random());
}

Inbox::Inbox(LinkSettings settings, std::shared_ptr<Clock> clock, std::string channel)
    : settings_{std::move(settings)},
      clock_{std::move(clock)},
      channel_{std::move(channel)},
      command_{subscribe_command(channel_)},
      connection_{clock_} {}

// An open() that begins behind an interruption does not know of it, so that is said again.
Inbox::~Inbox() {
    ending_ = true;
    waker_.wake();
    std::thread thread;
    {
        const detail::MutexLock lock{mutex_};
        thread.swap(thread_);
        while (thread.joinable() && !ended_) {
            connection_.interrupt();
            has_ended_.wait_for(mutex_, milliseconds{5});
        }
    }
    if (thread.joinable()) thread.join();
}

std::uint64_t Inbox::enlist(std::span<Operation* const> operations) noexcept {
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

void Inbox::listen(Listener& listener) noexcept {
    try {
        Listeners fresh{&listener};
        const detail::MutexLock lock{mutex_};
        listeners_.merge(fresh);
        if (subscription_.load(std::memory_order_relaxed) != 0) listener.look();
        if (!thread_.joinable() && !detail::start_thread(thread_, [this] { run(); })) return;
    } catch (const std::bad_alloc&) {
        return;  // he looks by himself
    }
    waker_.wake();
}

void Inbox::forget(Listener& listener) noexcept {
    Listeners::node_type gone;
    const detail::MutexLock lock{mutex_};
    const auto found = listeners_.find(&listener);
    if (found != listeners_.end() && *found == &listener) gone = listeners_.extract(found);
}

void Inbox::run() noexcept {
    while (!ending_) {
        if (!has_listeners()) {
            clock_->sleep_until(Clock::time_point::max(), waker_);
        } else if (clock_->now() < gate_.opens()) {
            clock_->sleep_until(gate_.opens(), waker_);
        } else {
            connect_and_read();
        }
    }
    const detail::MutexLock lock{mutex_};
    ended_ = true;
    has_ended_.notify_all();
}

bool Inbox::has_listeners() noexcept {
    const detail::MutexLock lock{mutex_};
    return !listeners_.empty();
}

// A connection that breaks as soon as it is made is a failure as any other.
void Inbox::connect_and_read() noexcept {
    std::error_code error = Errc::connect_failed;
    try {
        error = subscribe();
    } catch (const std::bad_alloc&) {
        error = Errc::connect_failed;
    }
    const Clock::time_point begin = clock_->now();
    if (!error) {
        confirmed();
        read();
        const detail::MutexLock lock{mutex_};
        subscription_ = 0;
    }
    connection_.interrupt();  // for a forked child may have the socket, too
    connection_.close();
    const Clock::time_point now = clock_->now();
    if (error == Family::refused) {
        gate_.shut_for(seldom, now);
    } else if (!error && now - begin > silence) {
        gate_.open();
    } else {
        gate_.shut(now);
    }
}

std::error_code Inbox::subscribe() {
    const Clock::time_point until = detail::saturating_add(
        clock_->now(), std::min(settings_.connect_timeout, settings_.command_timeout));
    std::int64_t server_time = 0;
    std::string why;
    const std::error_code error =
        open_session(connection_, settings_, *clock_, until, server_time, why);
    return error ? error : confirm(until);
}

std::error_code Inbox::confirm(Clock::time_point until) {
    wire::Reply answer;
    if (ending_ || !ask(until) || connection_.receive(answer, until) != wire::Received::reply) {
        return Errc::connect_failed;
    }
    if (answer.is_error()) return classify(answer.text());
    return is_subscribed(answer) ? std::error_code{} : Errc::protocol_error;
}

// To subscribe once more changes nothing, and its answer shows that the connection lives and still
// has its channel. It needs no right that a PING would.
bool Inbox::ask(Clock::time_point until) noexcept {
    return !connection_.send(command_, until).error;
}

void Inbox::read() noexcept {
    wire::Reply answer;
    bool asked = false;
    Clock::time_point until = clock_->now() + silence;
    while (!ending_) {
        const wire::Received received = connection_.receive(answer, until);
        if (received == wire::Received::reply) {
            if (asked && is_subscribed(answer)) {
                asked = false;
            } else if (!take(answer)) {
                return;
            }
            if (!asked) until = clock_->now() + silence;
        } else if (received == wire::Received::timed_out && !asked) {
            until = detail::saturating_add(clock_->now(), settings_.command_timeout);
            if (!ask(until)) return;
            asked = true;
        } else {
            return;
        }
    }
}

bool Inbox::is_subscribed(wire::ReplyView answer) const noexcept {
    return answer.size() == 3 && answer.at(0).text() == "subscribe" &&
           answer.at(1).text() == channel_ && answer.at(2).integer() == 1;
}

// False: that is nothing that a subscriber is told without asking.
bool Inbox::take(wire::ReplyView answer) noexcept {
    if (answer.size() != 3 || answer.at(0).text() != "message" || answer.at(1).text() != channel_ ||
        answer.at(2).type() != wire::ReplyView::Type::string) {
        return false;
    }
    deliver(answer.at(2).text());
    return true;
}

void Inbox::confirmed() noexcept {
    if (subscriptions_ != 0) ++*settings_.reconnects;
    const detail::MutexLock lock{mutex_};
    subscription_ = ++subscriptions_;
    for (Listener* const listener : listeners_) listener->look();
}

void Inbox::deliver(std::string_view message) noexcept {
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
WakeUp Inbox::deliver_to(std::string_view token, const HandOff& what) noexcept {
    const detail::MutexLock lock{mutex_};
    const auto found = listeners_.find(token);
    return found == listeners_.end() ? WakeUp{} : (*found)->handed_over(what);
}

}  // namespace leaselock::redis

#include "redis/sentinel_watch.hpp"

#include <new>
#include <string>
#include <utility>

#include "base/threads.hpp"

namespace leaselock::redis {
namespace {

constexpr std::chrono::milliseconds period{500};
// A Sentinel that takes longer for an answer is left for the next one, and is not asked for a
// while.
constexpr std::chrono::seconds patience{1};
constexpr std::chrono::seconds a_while{10};

}  // namespace

SentinelWatch::SentinelWatch(const SentinelSettings& settings, const std::shared_ptr<Clock>& clock,
                             std::function<void(const NamedMaster&)> hear)
    : settings_{settings}, hear_{std::move(hear)}, clock_{clock}, heard_{clock} {
    for (std::size_t i = 0; i < settings_.sentinels.size(); ++i) asked_.emplace_back(clock);
}

// An open() that begins after an interruption does not know of it, so that is said again.
SentinelWatch::~SentinelWatch() {
    if (!thread_.joinable()) return;
    ending_ = true;
    ending_word_.set(1);
    do {
        for (Asked& each : asked_) each.connection.interrupt();
        heard_.interrupt();
    } while (over_.wait(std::chrono::milliseconds{1}) == 0);
    thread_.join();
}

void SentinelWatch::begin() noexcept {
    if (thread_.joinable()) return;
    try {
        (void)detail::start_thread(thread_, [this] { run(); });
    } catch (const std::bad_alloc&) {
        return;
    }
}

void SentinelWatch::run() noexcept {
    while (!ending_) {
        ask_one();
        if (listen()) continue;
        leave();
        ending_word_.wait(period);
    }
    over_.set(1);
}

// The next one that answers. If none does, all of them are tried again the next time.
void SentinelWatch::ask_one() noexcept {
    for (std::size_t i = 0; i < asked_.size(); ++i) {
        const std::size_t number = std::exchange(turn_, (turn_ + 1) % asked_.size());
        if (ending_ || (clock_->now() >= asked_[number].next && ask(number))) return;
    }
    for (Asked& each : asked_) each.next = {};
}

bool SentinelWatch::ask(std::size_t number) noexcept {
    Asked& asked = asked_[number];
    const Clock::time_point now = clock_->now();
    try {
        std::string unused;
        NamedMaster master;
        if (!ask_sentinel(asked.connection, settings_, number, now + patience, master, unused)) {
            hear_(master);
            return true;
        }
    } catch (const std::bad_alloc&) {
        asked.connection.close();
    }
    asked.next = detail::saturating_add(now, a_while);
    if (number == speaker_) leave();
    return false;
}

// For a period, or until there is news. False: that Sentinel is of no use now.
bool SentinelWatch::listen() noexcept {
    try {
        const Clock::time_point now = clock_->now();
        if (!heard_.is_open() && listen_to_sentinel(heard_, settings_, speaker_, now + patience)) {
            return false;
        }
        return hear_until(now + period);
    } catch (const std::bad_alloc&) {
        return false;
    }
}

void SentinelWatch::leave() noexcept {
    heard_.close();
    speaker_ = (speaker_ + 1) % asked_.size();
}

bool SentinelWatch::hear_until(Clock::time_point until) noexcept {
    for (;;) {
        wire::RespValue message;
        const wire::Received received = heard_.receive(message, until);
        if (received == wire::Received::timed_out) return true;
        if (received != wire::Received::reply) return false;
        if (switched_to(message, settings_.master)) return true;
    }
}

}  // namespace leaselock::redis

#include "redis/sentinel_watch.hpp"

#include <new>
#include <string>
#include <utility>

#include "base/threads.hpp"

namespace leaselock::redis {
namespace {

constexpr std::chrono::milliseconds period{500};
// A Sentinel that takes longer for an answer is left for the next one.
constexpr std::chrono::seconds patience{1};

}  // namespace

SentinelWatch::SentinelWatch(const SentinelSettings& settings, const std::shared_ptr<Clock>& clock,
                             std::function<void(const NamedMaster&)> hear)
    : settings_{settings}, hear_{std::move(hear)}, clock_{clock}, asked_{clock}, heard_{clock} {}

// An open() that begins after an interruption does not know of it, so that is said again.
SentinelWatch::~SentinelWatch() {
    if (!thread_.joinable()) return;
    ending_ = true;
    ending_word_.set(1);
    do {
        asked_.interrupt();
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
        if (watch_one()) continue;
        asked_.close();
        heard_.close();
        sentinel_ = (sentinel_ + 1) % settings_.sentinels.size();
        ending_word_.wait(period);
    }
    over_.set(1);
}

// For a period, or until there is news. False: this Sentinel is of no use now.
bool SentinelWatch::watch_one() noexcept {
    try {
        const Clock::time_point now = clock_->now();
        std::string unused;
        NamedMaster master;
        if (ask_sentinel(asked_, settings_, sentinel_, now + patience, master, unused))
            return false;
        hear_(master);
        if (!heard_.is_open() && listen_to_sentinel(heard_, settings_, sentinel_, now + patience)) {
            return false;
        }
        return hear_until(now + period);
    } catch (const std::bad_alloc&) {
        return false;
    }
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

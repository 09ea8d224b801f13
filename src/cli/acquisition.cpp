#include "cli/acquisition.hpp"

#include <chrono>
#include <fmt/format.h>
#include <future>
#include <signal.h>
#include <stop_token>
#include <string>
#include <unistd.h>

#include <leaselock/clock.hpp>
#include <leaselock/error.hpp>
#include <leaselock/lock_options.hpp>

#include "cli/output.hpp"
#include "cli/wait_text.hpp"

namespace leaselock::cli {
namespace {

using std::chrono::milliseconds;

LockOptions lock_options(const Options& options, std::optional<milliseconds> wait) {
    LockOptions result{.ttl = std::max(options.run.ttl, options.run.min_hold),
                       .min_hold = options.run.min_hold,
                       .share = options.run.share};
    if (wait != milliseconds{0}) result.wait_timeout = wait ? Duration{*wait} : forever;
    return result;
}

// Whether the server is there, or may be soon.
bool is_worth_the_wait(const std::error_code& why, const Options& options) {
    // A wait without an end may be due to a mistyped URL.
    if (why == Errc::connect_failed) return options.wait.has_value();
    return why == Family::unavailable || why == Errc::command_timed_out ||
           why == Errc::connection_lost;
}

// What the inspection before the acquisition gave.
struct FirstInspection {
    LockInfo info{};
    std::optional<milliseconds> wait{};  // how long is left to wait; nothing: for ever
};

// So that it is said at once if there is no server, or none that serves.
FirstInspection inspect_first(Store& store, const Options& options) {
    const auto begin = boot_clock()->now();
    try {
        return {store.locks.inspect(options.key), options.wait};
    } catch (const LockError& error) {
        const auto waited = std::chrono::ceil<milliseconds>(boot_clock()->now() - begin);
        if (options.wait && *options.wait <= waited) throw;
        if (!is_worth_the_wait(error.code(), options)) throw;
        complain(fmt::format("{}; waiting for it", error.what()), IfFull::drop);
        if (!options.wait) return {};
        return {{}, *options.wait - waited};
    }
}

// What is said of the wait: at once if that was asked for, and to people at a terminal when it has
// become a long one.
class Notice {
  public:
    Notice(Store& store, const Options& options, Events& events)
        : store_{store}, options_{options}, events_{events} {
        if (!options.run.verbose && ::isatty(STDERR_FILENO) == 1) events.set_alarm(long_wait);
    }

    // By the thread that has looked.
    void seen(const LockInfo& info) {
        const bool waits =
            options_.wait != milliseconds{0} && is_in_the_way(info, options_.run.share);
        const std::string text = fmt::format("waiting for lock '{}': {}", options_.key,
                                             wait_text(info, store_.locks.guarantees().fences));
        if (waits && options_.run.verbose) complain(text, IfFull::drop);
        text_.set_value(text);
    }

    // By the main thread, after each wait for an event.
    void say_if_it_is_time() {
        if (!events_.is_time()) return;
        const bool is_there = seen_.wait_for(std::chrono::seconds{0}) == std::future_status::ready;
        if (is_there)
            complain(fmt::format("{}; locks are in {}", seen_.get(), location_of(options_.store)),
                     IfFull::drop);
        // The store has not answered yet, or somebody waits for it.
        if (!is_there) events_.set_alarm(long_wait);
    }

  private:
    static constexpr std::chrono::seconds long_wait{2};

    Store& store_;
    const Options& options_;
    Events& events_;
    std::promise<std::string> text_{};
    std::future<std::string> seen_ = text_.get_future();
};

}  // namespace

int Ends::request() {
    while (const std::optional<Signal> signal = signals.next()) {
        switch (signal->number) {
            case SIGTSTP: (void)signals.stop_job(); break;
            case SIGCHLD:
            case SIGCONT:
            case SIGTTIN:
            case SIGTTOU: break;
            default: return signal->number;
        }
    }
    return 0;
}

bool Ends::input_has_ended() {
    const bool ended = input.has_ended();
    if (input.descriptor() < 0) events.leave_input();
    return ended;
}

Acquired acquire(Store& store, const Options& options, Ends& ends) {
    std::stop_source stop;
    Notice notice{store, options, ends.events};
    std::future<ScopedDistributedLock> result = std::async(std::launch::async, [&] {
        const RingAtEnd ring{ends.events};
        const FirstInspection first = inspect_first(store, options);
        notice.seen(first.info);
        return ScopedDistributedLock{store.locks, options.key, lock_options(options, first.wait),
                                     stop.get_token()};
    });
    int signal = 0;
    bool ended = false;
    for (bool done = false; !done && !ended;) {
        ends.events.wait();
        done = ends.events.rang();
        if (!done) notice.say_if_it_is_time();
        signal = ends.request();
        ended = signal != 0 || ends.input_has_ended();
    }
    if (!ended) return {result.get(), 0};
    stop.request_stop();
    try {
        const ScopedDistributedLock not_wanted = result.get();
    } catch (const Error&) {
        // A command that is to end does not ask for a lock any more.
    }
    return {{}, signal};
}

ReleaseResult let_go(ScopedDistributedLock& lock) {
    std::error_code why;
    const ReleaseResult result = lock.release(why);
    if (result == ReleaseResult::unknown) {
        complain(fmt::format("lock '{}' may stay held until its ttl is over: {}", lock.key(),
                             why.message()));
    }
    return result;
}

}  // namespace leaselock::cli

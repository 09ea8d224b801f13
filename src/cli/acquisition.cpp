#include "cli/acquisition.hpp"

#include <chrono>
#include <fmt/core.h>
#include <future>
#include <signal.h>
#include <stop_token>

#include <leaselock/clock.hpp>
#include <leaselock/error.hpp>
#include <leaselock/lock_options.hpp>

#include "cli/output.hpp"

namespace leaselock::cli {
namespace {

using std::chrono::milliseconds;

LockOptions lock_options(const Options& options, std::optional<milliseconds> wait) {
    LockOptions result{
        .ttl = options.run.ttl, .min_hold = options.run.min_hold, .share = options.run.share};
    if (wait != milliseconds{0}) result.wait_timeout = wait ? Duration{*wait} : forever;
    return result;
}

// Whether the server is there, or may be soon.
bool is_worth_the_wait(const std::error_code& why, const Options& options) {
    // Whoever waits without end may have mistyped the URL.
    if (why == Errc::connect_failed) return options.wait.has_value();
    return why == Family::unavailable || why == Errc::command_timed_out ||
           why == Errc::connection_lost;
}

// So that it is told at once if there is no server, or none that serves. How long is left to wait.
std::optional<milliseconds> look_first(Store& store, const Options& options) {
    const auto begin = boot_clock()->now();
    try {
        (void)store.locks.inspect(options.key);
        return options.wait;
    } catch (const LockError& error) {
        const auto waited = std::chrono::ceil<milliseconds>(boot_clock()->now() - begin);
        if (options.wait && *options.wait <= waited) throw;
        if (!is_worth_the_wait(error.code(), options)) throw;
        complain(fmt::format("{}; waiting for it", error.what()), IfFull::drop);
        if (!options.wait) return {};
        return *options.wait - waited;
    }
}

// The signal that wants us to end, if one is there; 0: none.
int request_to_end(Signals& signals) {
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

}  // namespace

Acquired acquire(Store& store, const Options& options, Signals& signals, Events& events) {
    std::stop_source stop;
    std::future<ScopedDistributedLock> result = std::async(std::launch::async, [&] {
        const RingAtEnd ring{events};
        const std::optional<milliseconds> wait = look_first(store, options);
        ScopedDistributedLock lock{store.locks, options.key, lock_options(options, wait),
                                   stop.get_token()};
        // What another has handed over has less to run, and the command is to begin with all of it.
        if (lock.remaining() < options.run.ttl * 2 / 3) lock.extend(options.run.ttl);
        return lock;
    });
    int signal = 0;
    for (bool done = false; !done && signal == 0;) {
        events.wait();
        done = events.rang();
        signal = request_to_end(signals);
    }
    if (signal == 0) return {result.get(), 0};
    stop.request_stop();
    try {
        const ScopedDistributedLock not_wanted = result.get();
    } catch (const Error&) {
        // Whoever is asked to end does not ask for a lock any more.
    }
    return {{}, signal};
}

}  // namespace leaselock::cli

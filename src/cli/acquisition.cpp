#include "cli/acquisition.hpp"

#include <future>
#include <signal.h>
#include <stop_token>

#include <leaselock/error.hpp>
#include <leaselock/lock_options.hpp>

namespace leaselock::cli {
namespace {

LockOptions lock_options(const Options& options) {
    const bool waits = options.wait != std::chrono::milliseconds{0};
    LockOptions result{
        .ttl = options.run.ttl, .min_hold = options.run.min_hold, .share = options.run.share};
    if (waits) result.wait_timeout = options.wait ? Duration{*options.wait} : forever;
    return result;
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
        (void)store.locks.inspect(options.key);
        ScopedDistributedLock lock{store.locks, options.key, lock_options(options),
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

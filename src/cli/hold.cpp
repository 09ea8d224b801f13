#include "cli/hold.hpp"

#include <fmt/format.h>
#include <functional>
#include <optional>
#include <signal.h>
#include <stop_token>
#include <string_view>
#include <system_error>

#include <leaselock/error.hpp>
#include <leaselock/scoped_distributed_lock.hpp>

#include "cli/acquisition.hpp"
#include "cli/events.hpp"
#include "cli/exit_code.hpp"
#include "cli/input.hpp"
#include "cli/metrics_file.hpp"
#include "cli/output.hpp"
#include "cli/signals.hpp"

namespace leaselock::cli {
namespace {

void tell(const Options& options, std::string_view event, const ScopedDistributedLock& lock) {
    print_one(options.json ? Format::json : Format::plain,
              {{"event", std::string(event)},
               {"key", std::string(lock.key())},
               {"fencing_token", lock.fencing_token()}});
}

// Until there is a reason to let go. Gives the exit status that it is.
int wait_for_the_end(ScopedDistributedLock& lock, Ends& ends) {
    const std::stop_callback<std::function<void()>> lost{lock.lost(), [&] { ends.events.ring(); }};
    for (;;) {
        if (!lock.owns_lock()) return exit_code::lost;
        if (const int signal = ends.request()) return exit_code::by_signal(signal);
        if (ends.input_has_ended()) return exit_code::done;
        ends.events.wait();
        (void)ends.events.rang();
        (void)ends.events.is_time();
    }
}

int hold(const Options& options, ScopedDistributedLock& lock, Ends& ends) {
    tell(options, "held", lock);
    const int status = wait_for_the_end(lock, ends);
    const bool lost = status == exit_code::lost || let_go(lock) == ReleaseResult::lost;
    if (!lost) return status;
    complain(fmt::format("lock '{}' is lost", lock.key()));
    try {
        tell(options, "lost", lock);
    } catch (const std::system_error&) {
        // A caller that does not read it learns it by the exit status.
    }
    return exit_code::lost;
}

}  // namespace

int hold(Store& store, const Options& options) {
    // A caller that does not read what we say learns it by the exit status, and the lock is
    // released.
    ::signal(SIGPIPE, SIG_IGN);
    if (options.run.verbose) complain("locks are in " + location_of(options.store));
    const MetricsAtEnd metrics{store.locks, options.run.metrics_file};
    Signals signals{true, {SIGTTIN}};
    const Input input = Input::standard();
    Events events{signals, input.descriptor(), input.events()};
    Ends ends{signals, events, input};
    try {
        Acquired acquired = acquire(store, options, ends);
        if (acquired.signal != 0) return exit_code::by_signal(acquired.signal);
        if (acquired.lock) return hold(options, *acquired.lock, ends);
        complain(fmt::format("standard input has ended, and lock '{}' was not acquired yet",
                             options.key));
        return exit_code::not_acquired;
    } catch (const LockNotAcquired& held) {
        if (options.run.if_held != exit_code::done) complain(held.what());
        return options.run.if_held;
    }
}

}  // namespace leaselock::cli

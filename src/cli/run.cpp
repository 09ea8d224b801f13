#include "cli/run.hpp"

#include <cerrno>
#include <fmt/core.h>
#include <functional>
#include <stop_token>
#include <system_error>

#include <leaselock/error.hpp>
#include <leaselock/scoped_distributed_lock.hpp>

#include "cli/acquisition.hpp"
#include "cli/child.hpp"
#include "cli/duration.hpp"
#include "cli/events.hpp"
#include "cli/exit_code.hpp"
#include "cli/lease_watch.hpp"
#include "cli/metrics_file.hpp"
#include "cli/output.hpp"
#include "cli/signals.hpp"
#include "cli/terminal.hpp"

namespace leaselock::cli {
namespace {

// The command, its lock, and what comes in from outside.
class Run {
  public:
    Run(const RunOptions& options, Signals& signals, Events& events, ScopedDistributedLock& lock)
        : options_{options},
          signals_{signals},
          events_{events},
          lock_{lock},
          lost_{lock.lost(), [this] { events_.ring(); }},
          watch_{options.grace, options.ttl},
          terminal_{!options.foreground},
          child_{plan(), signals, terminal_} {}

    // Gives the exit status, when the command has ended.
    int until_the_end();

  private:
    [[nodiscard]] Child::Plan plan() const {
        return {.words = options_.command,
                .environment = {fmt::format("LEASELOCK_KEY={}", lock_.key()),
                                fmt::format("LEASELOCK_TOKEN={}", lock_.owner_token()),
                                fmt::format("LEASELOCK_FENCE={}", lock_.fencing_token())},
                .own_group = !options_.foreground};
    }
    [[nodiscard]] bool has_ended() const {
        return child_.has_ended() && (!watch_.has_told() || child_.is_group_gone());
    }
    void look_at_lease();
    void look_at_command();
    void pass_on(const Signal& signal);
    [[nodiscard]] int release();

    const RunOptions& options_;
    Signals& signals_;
    Events& events_;
    ScopedDistributedLock& lock_;
    std::stop_callback<std::function<void()>> lost_;
    LeaseWatch watch_;
    Terminal terminal_;
    Child child_;
};

int Run::until_the_end() {
    if (child_.error() != 0) {
        complain(fmt::format("cannot run '{}': {}", options_.command[0],
                             std::generic_category().message(child_.error())));
        terminal_.take_back_from(child_.pid());
        (void)lock_.release();
        return child_.error() == ENOENT ? exit_code::not_found : exit_code::cannot_run;
    }
    look_at_lease();
    while (!has_ended()) {
        events_.wait();
        (void)events_.rang();
        look_at_lease();
        while (const std::optional<Signal> signal = signals_.next()) pass_on(*signal);
    }
    terminal_.take_back_from(child_.pid());
    return release();
}

void Run::look_at_lease() {
    if (has_ended()) return;
    const auto left = lock_.remaining();
    const auto [step, alarm] = watch_.look(left, events_.is_time());
    if (alarm.count() > 0) events_.set_alarm(alarm);
    if (step == LeaseWatch::Step::nothing) return;
    if (step == LeaseWatch::Step::kill) {
        complain(fmt::format("lock '{}' is lost: SIGKILL to the command", lock_.key()));
        child_.send(SIGKILL);
    } else {
        complain(fmt::format("lock '{}' cannot be prolonged: SIGTERM to the command, SIGKILL in {}",
                             lock_.key(), format_duration(left)));
        child_.send(SIGTERM);
        child_.go_on();
    }
}

void Run::look_at_command() {
    child_.look();
    if (!child_.is_stopped() || !terminal_.is_there()) return;
    terminal_.take_back_from(child_.pid());
    signals_.stop_job();
}

void Run::pass_on(const Signal& signal) {
    if (signal.number == SIGCHLD) return look_at_command();
    // We may have been stopped for longer than the lease.
    if (signal.number == SIGCONT) {
        look_at_lease();
        terminal_.lend_to(child_.pid());
    }
    // The terminal has told the command, too, if that is in our process group.
    if (options_.foreground && signal.from_kernel) return;
    child_.send(signal.number);
    if (signal.number != SIGTSTP) child_.go_on();
}

int Run::release() {
    const bool held = lock_.owns_lock() && !watch_.has_told();
    std::error_code why;
    const ReleaseResult result = held ? lock_.release(why) : ReleaseResult::lost;
    if (result == ReleaseResult::unknown) {
        complain(fmt::format("lock '{}' may stay held until its ttl is over: {}", lock_.key(),
                             why.message()));
    }
    if (result != ReleaseResult::lost) return child_.status();
    if (!watch_.has_told()) {
        complain(
            fmt::format("lock '{}' was lost before the command ended, with {}: it may not "
                        "have run alone",
                        lock_.key(), child_.status()));
    }
    return exit_code::lost;
}

}  // namespace

int run(Store& store, const Options& options) {
    const MetricsAtEnd metrics{store.locks, options.run.metrics_file};
    Signals signals{options.run.foreground};
    Events events{signals};
    try {
        Acquired acquired = acquire(store, options, signals, events);
        if (acquired.signal != 0) return exit_code::signalled + acquired.signal;
        return Run{options.run, signals, events, *acquired.lock}.until_the_end();
    } catch (const LockNotAcquired& held) {
        if (options.run.if_held != exit_code::done) complain(held.what());
        return options.run.if_held;
    }
}

}  // namespace leaselock::cli

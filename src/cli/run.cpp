#include "cli/run.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fmt/format.h>
#include <functional>
#include <optional>
#include <signal.h>
#include <stop_token>
#include <string>
#include <system_error>

#include <leaselock/clock.hpp>
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
          watch_{options.grace, std::min(options.ttl, lock.remaining())},
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
    void check_lease();
    [[nodiscard]] std::chrono::milliseconds lease_left() const;
    void check_command();
    void heed_stop(int number);
    void heed(const Signal& signal);
    void pass_on(const Signal& signal);
    void send(int number);
    void share_terminal();
    [[nodiscard]] int release();
    void repeat_the_keys(bool had_terminal, int status) const;

    const RunOptions& options_;
    Signals& signals_;
    Events& events_;
    ScopedDistributedLock& lock_;
    std::stop_callback<std::function<void()>> lost_;
    LeaseWatch watch_;
    Terminal terminal_;
    Child child_;
    // Of a command that is stopped and that nobody continues: the lease that it had then.
    std::optional<Clock::time_point> stands_until_{};
    int not_sent_ = 0;           // the last signal that could not be sent
    int passed_on_ = 0;          // the last signal
    bool others_stand_ = false;  // in our process group, for want of the terminal
};

// While the command runs, nobody is waited for who does not read.
void say(const std::string& text) { complain(text, IfFull::drop); }

std::string describe(int status) {
    return status < 0 ? fmt::format("signal {}", -status) : fmt::format("{}", status);
}

int Run::until_the_end() {
    if (child_.error() != 0) {
        complain(fmt::format("cannot run '{}': {}", options_.command[0],
                             std::generic_category().message(child_.error())));
        terminal_.take_back_from(child_.pid());
        (void)let_go(lock_);
        return child_.error() == ENOENT ? exit_code::not_found : exit_code::cannot_run;
    }
    check_lease();
    while (!has_ended()) {
        events_.wait();
        (void)events_.rang();
        check_lease();
        while (const std::optional<Signal> signal = signals_.next()) heed(*signal);
        // Somebody who is out of reach is seen when the others of the group are gone.
        if (watch_.has_killed() && !has_ended()) send(SIGKILL);
    }
    const bool had_terminal = terminal_.take_back_from(child_.pid());
    const int status = release();
    repeat_the_keys(had_terminal, status);
    return status;
}

std::chrono::milliseconds Run::lease_left() const {
    const auto left = lock_.remaining();
    if (!stands_until_) return left;
    const auto stands =
        std::chrono::ceil<std::chrono::milliseconds>(*stands_until_ - boot_clock()->now());
    return std::clamp(stands, std::chrono::milliseconds{0}, left);
}

// The signal first: a standard error that is full must not hold it up.
void Run::check_lease() {
    if (has_ended()) return;
    const auto left = lease_left();
    const auto [step, alarm] = watch_.check(left, events_.is_time());
    if (alarm.count() > 0) events_.set_alarm(alarm);
    if (step == LeaseWatch::Measure::nothing) return;
    if (step == LeaseWatch::Measure::kill) {
        send(SIGKILL);
        say(fmt::format("lock '{}' is {}: SIGKILL to the command", lock_.key(),
                        stands_until_ ? "given up" : "lost"));
    } else {
        send(SIGTERM);
        child_.go_on();
        say(fmt::format(
            "lock '{}' {}: SIGTERM to the command, SIGKILL in {}", lock_.key(),
            stands_until_ ? "is given up, for the command does not go on" : "cannot be prolonged",
            format_duration(left)));
    }
}

void Run::check_command() {
    child_.check();
    const int number = child_.stopped_by();
    if (number == 0) {
        stands_until_.reset();
    } else if (!watch_.has_told() && !stands_until_) {
        heed_stop(number);
    }
}

// It must not be paused with the lock unless somebody wants that: by Ctrl-Z, as a job of a shell,
// or by a signal of the user.
void Run::heed_stop(int number) {
    const bool wants_terminal = number == SIGTTIN || number == SIGTTOU;
    if (wants_terminal && terminal_.lend_to(child_.pid())) {
        child_.send(SIGCONT);
        return;
    }
    // What stops the command stops us, too, but for a signal that we block.
    if (options_.foreground && number != SIGTTOU) return;
    if (terminal_.is_there()) {
        terminal_.take_back_from(child_.pid());
        if (signals_.stop_job()) return child_.was_continued();
        // Where no shell controls jobs the keys of a terminal stop nobody.
        if (number == SIGTSTP) child_.send(SIGCONT);
    }
    if (!wants_terminal) return;
    const auto left = lock_.remaining();
    stands_until_ = boot_clock()->now() + left;
    complain(
        fmt::format("the command is stopped, for it may not use the terminal: if nobody "
                    "continues it, lock '{}' is given up in {}",
                    lock_.key(), format_duration(left)));
}

void Run::heed(const Signal& signal) {
    switch (signal.number) {
        case SIGCHLD: return check_command();
        case SIGTTIN:
        case SIGTTOU: return share_terminal();
        default: return pass_on(signal);
    }
}

void Run::pass_on(const Signal& signal) {
    // We may have been stopped for longer than the lease.
    if (signal.number == SIGCONT) {
        check_lease();
        if (terminal_.lends_unasked()) terminal_.lend_to(child_.pid());
    }
    // The terminal has told the command, too, if that is in our process group.
    if (options_.foreground && signal.from_kernel) return;
    passed_on_ = signal.number;
    send(signal.number);
    if (signal.number != SIGTSTP) child_.go_on();
}

void Run::send(int number) {
    if (child_.send(number) || not_sent_ == number) return;
    not_sent_ = number;
    say(fmt::format(
        "the command runs as another user, and cannot be sent signal {}{}", number,
        watch_.has_told() ? fmt::format(": it may go on without lock '{}'", lock_.key()) : ""));
}

// Another of our process group was stopped since the terminal is lent.
void Run::share_terminal() {
    others_stand_ = true;
    if (terminal_.lends_unasked() || !terminal_.take_back_from(child_.pid())) return;
    others_stand_ = false;
    ::kill(0, SIGCONT);
}

// What a key of the terminal that was lent has ended it would have ended with us, and with the
// script that we are in.
void Run::repeat_the_keys(bool had_terminal, int status) const {
    if (!had_terminal) return;
    if (others_stand_) ::kill(0, SIGCONT);
    for (const int number : {SIGINT, SIGQUIT}) {
        if (status == exit_code::by_signal(number) && passed_on_ != number) ::kill(0, number);
    }
}

int Run::release() {
    const bool held = lock_.owns_lock() && !watch_.has_told();
    if (held && let_go(lock_) != ReleaseResult::lost) return child_.status();
    if (!watch_.has_told()) {
        complain(
            fmt::format("lock '{}' was lost before the command ended, with {}: it may not "
                        "have run alone",
                        lock_.key(), describe(child_.status())));
    }
    return exit_code::lost;
}

}  // namespace

int run(Store& store, const Options& options) {
    if (options.run.verbose) complain("locks are in " + location_of(options.store));
    const MetricsAtEnd metrics{store.locks, options.run.metrics_file};
    // Where the command has a process group of its own, one of ours may be stopped for want of the
    // terminal, and we are not to be.
    Signals signals = options.run.foreground ? Signals{true} : Signals{false, {SIGTTIN, SIGTTOU}};
    Events events{signals};
    try {
        Ends ends{signals, events};
        Acquired acquired = acquire(store, options, ends);
        if (acquired.signal != 0) return exit_code::by_signal(acquired.signal);
        return Run{options.run, signals, events, *acquired.lock}.until_the_end();
    } catch (const LockNotAcquired& held) {
        if (options.run.if_held != exit_code::done) complain(held.what());
        return options.run.if_held;
    }
}

}  // namespace leaselock::cli

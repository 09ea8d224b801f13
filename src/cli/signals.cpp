#include "cli/signals.hpp"

#include <array>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace leaselock::cli {
namespace {

constexpr std::array<int, 7> requests{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM};
constexpr std::array<int, 2> job_control{SIGTSTP, SIGCONT};

bool is_ignored(int number) {
    struct sigaction action {};
    return ::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

sigset_t only(int number) {
    sigset_t one;
    ::sigemptyset(&one);
    ::sigaddset(&one, number);
    return one;
}

}  // namespace

Signals::Signals(bool keep_job_control, std::initializer_list<int> also) {
    // A process that ignores SIGCHLD does not learn how its children end.
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    checked(::sigaction(SIGCHLD, &standard, nullptr), "sigaction");
    sigset_t ours;
    ::sigemptyset(&ours);
    ::sigaddset(&ours, SIGCHLD);
    for (const int number : also) ::sigaddset(&ours, number);
    for (const int number : requests) {
        if (!is_ignored(number)) ::sigaddset(&ours, number);
    }
    for (const int number : job_control) {
        if (!keep_job_control && !is_ignored(number)) ::sigaddset(&ours, number);
    }
    queue_ = Descriptor{checked(::signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd")};
    // Who is not in front may not touch the terminal's settings, unless it blocks this one.
    ::sigaddset(&ours, SIGTTOU);
    checked(::sigprocmask(SIG_BLOCK, &ours, &before_), "sigprocmask");
}

std::optional<Signal> Signals::next() noexcept {
    signalfd_siginfo info{};
    if (::read(queue_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return {};
    return Signal{static_cast<int>(info.ssi_signo), info.ssi_code > 0};
}

bool Signals::stop_job() const noexcept {
    sigset_t before;
    const sigset_t stop = only(SIGTSTP);
    const sigset_t go_on = only(SIGCONT);
    ::sigprocmask(SIG_BLOCK, &go_on, &before);
    ::sigprocmask(SIG_UNBLOCK, &stop, nullptr);
    ::kill(0, SIGTSTP);
    // The stop has dropped what was pending before.
    sigset_t pending;
    const bool was_continued = ::sigpending(&pending) == 0 && ::sigismember(&pending, SIGCONT) == 1;
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    return was_continued;
}

void end_by(int number) noexcept {
    ::prctl(PR_SET_DUMPABLE, 0);
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    ::sigaction(number, &standard, nullptr);
    const sigset_t one = only(number);
    ::sigprocmask(SIG_UNBLOCK, &one, nullptr);
    ::raise(number);
    // The first process of a container is ended by no signal of its own.
    constexpr int signalled = 128;
    ::_exit(signalled + number);
}

}  // namespace leaselock::cli

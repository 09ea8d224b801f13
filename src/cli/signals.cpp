#include "cli/signals.hpp"

#include <array>
#include <sys/signalfd.h>

namespace leaselock::cli {
namespace {

constexpr std::array<int, 7> requests{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM};
constexpr std::array<int, 2> job_control{SIGTSTP, SIGCONT};

bool is_ignored(int number) {
    struct sigaction action {};
    return ::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

Signals::Signals(bool keep_job_control, std::initializer_list<int> also) {
    // Whoever ignores SIGCHLD is not told how his children end.
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

void Signals::stop_job() const noexcept {
    sigset_t stop;
    ::sigemptyset(&stop);
    ::sigaddset(&stop, SIGTSTP);
    ::sigprocmask(SIG_UNBLOCK, &stop, nullptr);
    ::kill(0, SIGTSTP);
    ::sigprocmask(SIG_BLOCK, &stop, nullptr);
}

}  // namespace leaselock::cli

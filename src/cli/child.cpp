#include "cli/child.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <string_view>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/descriptor.hpp"
#include "cli/exit_code.hpp"

namespace leaselock::cli {
namespace {

std::string_view name_of(std::string_view variable) {
    return variable.substr(0, variable.find('='));
}

std::vector<std::string> merged_environment(const std::vector<std::string>& added) {
    std::vector<std::string> result = added;
    for (char** each = environ; *each != nullptr; ++each) {
        const bool replaced = std::any_of(added.begin(), added.end(), [&](const std::string& a) {
            return name_of(a) == name_of(*each);
        });
        if (!replaced) result.emplace_back(*each);
    }
    return result;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (std::string& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

// What a new process needs to become the command; made before, since it has our memory until then
// and must leave that as it is.
struct Becoming {
    char** words;
    char** environment;
    bool own_group;
    pid_t parent;
    int error_to;  // where an errno is written that is in the way
};

[[noreturn]] void become(const Becoming& what, const Signals& signals,
                         const Terminal& terminal) noexcept {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    // A process that has died before cannot be notified.
    if (::getppid() != what.parent) ::_exit(exit_code::cannot_run);
    if (what.own_group) {
        ::setpgid(0, 0);
        if (terminal.lends_unasked()) terminal.lend_to(::getpid());
    }
    signals.restore();
    ::execvpe(what.words[0], what.words, what.environment);
    const int error = errno;
    if (::write(what.error_to, &error, sizeof error) < 0) ::_exit(exit_code::cannot_run);
    ::_exit(exit_code::not_found);
}

// Until the program runs, which closes the other end, or an errno comes.
int read_error(int fd) {
    int error = 0;
    while (::read(fd, &error, sizeof error) < 0 && errno == EINTR) {
    }
    return error;
}

}  // namespace

Child::Child(const Plan& plan, const Signals& signals, const Terminal& terminal)
    : own_group_{plan.own_group} {
    std::vector<std::string> words = plan.words;
    std::vector<std::string> environment = merged_environment(plan.environment);
    const std::vector<char*> word_pointers = pointers(words);
    const std::vector<char*> environment_pointers = pointers(environment);
    std::array<int, 2> ends{};
    checked(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
    const Descriptor from{ends[0]};
    Descriptor to{ends[1]};
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    const Becoming what{const_cast<char**>(word_pointers.data()),
                        const_cast<char**>(environment_pointers.data()), own_group_, ::getpid(),
                        to.get()};
    // To copy our memory, as fork does, takes a tenth of the time of a whole run. We sleep until
    // the program runs, as we have to for the errno; and no signal has a handler that could run in
    // the new process meanwhile.
    pid_ = checked(::vfork(), "vfork");
    if (pid_ == 0) become(what, signals, terminal);
    to.close();
    error_ = read_error(from.get());
}

bool Child::send(int signal) noexcept {
    // A number may belong to somebody else when all that had it are gone.
    if (has_ended_ && is_group_gone()) return true;
    if (signal == SIGCONT) was_continued();
    return ::kill(own_group_ ? -pid_ : pid_, signal) == 0 || errno != EPERM;
}

void Child::check() noexcept {
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0;) {
        if (pid != pid_) continue;
        stopped_by_ = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
        has_ended_ = WIFEXITED(status) || WIFSIGNALED(status);
        if (WIFEXITED(status)) status_ = WEXITSTATUS(status);
        if (WIFSIGNALED(status)) status_ = exit_code::by_signal(WTERMSIG(status));
    }
}

bool Child::is_group_gone() const noexcept {
    siginfo_t info{};
    return !own_group_ ||
           ::waitid(P_PGID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0;
}

}  // namespace leaselock::cli

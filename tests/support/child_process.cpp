#include "support/child_process.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <string_view>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

#include "support/poll_until.hpp"

namespace leaselock::support {
namespace {

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

std::string_view name_of(std::string_view variable) {
    return variable.substr(0, variable.find('='));
}

std::vector<std::string> environment_with(std::vector<std::string> variables) {
    const std::size_t own = variables.size();
    for (char** ours = environ; *ours != nullptr; ++ours) {
        const auto end = variables.begin() + static_cast<std::ptrdiff_t>(own);
        const bool is_replaced = std::any_of(variables.begin(), end, [&](const auto& variable) {
            return name_of(variable) == name_of(*ours);
        });
        if (!is_replaced) variables.emplace_back(*ours);
    }
    return variables;
}

// In the child of a program with threads: only calls that are safe in a signal handler.
[[noreturn]] void become(char* const* argv, char* const* environment, const std::string& output,
                         pid_t parent) {
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(::open("/dev/null", O_RDONLY), STDIN_FILENO);
    if (!output.empty()) {
        const int out = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        ::dup2(out, STDOUT_FILENO);
        ::dup2(out, STDERR_FILENO);
    }
    if (::getppid() == parent) ::execvpe(argv[0], argv, environment);
    ::_exit(127);
}

}  // namespace

ChildProcess::ChildProcess(std::vector<std::string> words, const Options& options) {
    std::vector<std::string> environment = environment_with(options.environment);
    const std::vector<char*> argv = pointers_to(words);
    const std::vector<char*> variables = pointers_to(environment);
    const pid_t parent = ::getpid();
    int until_exec[2];
    if (::pipe2(until_exec, O_CLOEXEC) != 0 || (pid_ = ::fork()) < 0) {
        throw std::system_error(errno, std::generic_category(), "no process");
    }
    if (pid_ == 0) become(argv.data(), variables.data(), options.output, parent);
    // The child's end closes when it becomes the program. From then on it would end with us.
    ::close(until_exec[1]);
    char nothing = 0;
    while (::read(until_exec[0], &nothing, 1) < 0 && errno == EINTR) {
    }
    ::close(until_exec[0]);
}

ChildProcess::~ChildProcess() { kill9(); }

void ChildProcess::signal(int number) const {
    if (!status_) ::kill(pid_, number);
}

void ChildProcess::pause() {
    signal(SIGSTOP);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WEXITED | WNOWAIT);
}

void ChildProcess::resume() { signal(SIGCONT); }

void ChildProcess::terminate() {
    signal(SIGTERM);
    signal(SIGCONT);
}

void ChildProcess::kill9() {
    signal(SIGKILL);
    wait();
}

std::optional<int> ChildProcess::wait(std::chrono::milliseconds limit) {
    const bool is_over = poll_until(
        [this] {
            int status = 0;
            if (!status_ && ::waitpid(pid_, &status, WNOHANG) == pid_) {
                status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
            }
            return status_.has_value();
        },
        limit);
    return is_over ? status_ : std::nullopt;
}

}  // namespace leaselock::support

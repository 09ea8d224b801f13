// Runs a part of a test in a copy of its process, and tells what was wrong there: assertions of the
// test framework are not heard in a child.
//
// Thread-safety: for the thread of the test.
#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace leaselock::support {

// `bare_fork` and `system_call` run no handlers of pthread_atfork. Not beside a sanitizer, which
// needs its own.
enum class Copying { fork, bare_fork, system_call };

[[nodiscard]] inline pid_t copy_process(Copying how) {
    switch (how) {
        case Copying::fork: return ::fork();
        case Copying::bare_fork: return ::_Fork();
        case Copying::system_call: break;
    }
    return static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}

// What has to hold in the copy.
class Findings {
  public:
    void expect(bool holds, std::string_view what) {
        if (!holds) text_ += std::string(what) + "; ";
    }
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

  private:
    std::string text_;
};

namespace detail {

// All that comes until the other end is closed.
[[nodiscard]] inline std::string read_all(int fd, std::chrono::milliseconds limit, bool& ended) {
    std::string text;
    std::array<char, 4096> some{};
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (ended = false; !ended;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        pollfd entry{fd, POLLIN, 0};
        if (left.count() <= 0) break;
        if (::poll(&entry, 1, static_cast<int>(left.count())) <= 0) continue;
        const ssize_t size = ::read(fd, some.data(), some.size());
        ended = size == 0;
        if (size > 0) text.append(some.data(), static_cast<std::size_t>(size));
    }
    return text;
}

}  // namespace detail

// What `work` returned in the copy, a text; or how the copy ended instead.
template <class Work>
[[nodiscard]] std::string in_copy(Copying how, const Work& work,
                                  std::chrono::milliseconds limit = std::chrono::seconds{20}) {
    std::array<int, 2> pipe{};
    if (::pipe(pipe.data()) != 0) return "no pipe";
    const pid_t child = copy_process(how);
    if (child == 0) {
        const std::string said = work();
        ::_exit(::write(pipe[1], said.data(), said.size()) == static_cast<ssize_t>(said.size())
                    ? 0
                    : 1);
    }
    ::close(pipe[1]);
    bool ended = false;
    std::string said = detail::read_all(pipe[0], limit, ended);
    ::close(pipe[0]);
    if (child < 0) return "no copy";
    if (!ended) ::kill(child, SIGKILL);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!ended) return said + "the copy hangs";
    if (WIFSIGNALED(status)) return said + "the copy was ended by a signal";
    if (WEXITSTATUS(status) != 0) return said + "the copy failed";
    return said;
}

}  // namespace leaselock::support

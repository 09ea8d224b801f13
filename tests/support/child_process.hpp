// A program that a test runs beside itself, and stops, continues and kills by its pid. It is gone
// when the object is, and also when the test program dies.
//
// Thread-safety: one object, one thread at a time. The thread that starts a program must outlive
// it: the kernel ends the program with that thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace leaselock::support {

class ChildProcess {
  public:
    struct Options {
        // The file to which standard output and standard error are appended; empty: ours.
        std::string output{};
        // "NAME=value", instead of ours of the same name.
        std::vector<std::string> environment{};
    };

    // `words` are the program, looked up in PATH, and its arguments. Returns when it runs. Throws
    // std::system_error if there can be no process. A program that is not there ends with the
    // status 127.
    explicit ChildProcess(std::vector<std::string> words) : ChildProcess(std::move(words), {}) {}
    ChildProcess(std::vector<std::string> words, const Options& options);
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;
    ~ChildProcess();  // kills

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }

    // Signals go to a program that has not ended and been waited for; nothing happens otherwise.
    void pause();      // SIGSTOP; returns when it stands still
    void resume();     // SIGCONT
    void terminate();  // SIGTERM; one that is paused goes on for it
    void kill9();      // SIGKILL; returns when it is gone

    // How it ended: its exit status, or 128 and the signal, as shells say it. Nothing: it runs
    // still when the time is over.
    std::optional<int> wait(std::chrono::milliseconds limit = std::chrono::seconds{10});
    [[nodiscard]] bool has_ended() { return wait(std::chrono::milliseconds{0}).has_value(); }

  private:
    void signal(int number) const;

    pid_t pid_ = -1;
    std::optional<int> status_;
};

}  // namespace leaselock::support

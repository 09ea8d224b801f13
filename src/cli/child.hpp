// The command: a process with a process group of its own, which dies with us.
//
// Thread-safety: none. The thread that starts it must be the main one: the kernel ends the command
// with the thread.
#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "cli/signals.hpp"
#include "cli/terminal.hpp"

namespace leaselock::cli {

class Child {
  public:
    struct Plan {
        std::vector<std::string> words;        // the program, looked up in PATH, and its arguments
        std::vector<std::string> environment;  // "NAME=value", instead of ours of the same name
        bool own_group = true;
    };

    // Returns when the program runs, or cannot. Throws std::system_error if there can be no
    // process. Orphans of the command become children of ours, so that they are known.
    Child(const Plan& plan, const Signals& signals, const Terminal& terminal);

    // Why the program cannot run, an errno; 0: it can.
    [[nodiscard]] int error() const noexcept { return error_; }
    [[nodiscard]] pid_t pid() const noexcept { return pid_; }

    // To the process group, or to the process alone if it has none of its own. Nothing happens if
    // all of them are gone. False: all that are left run as another user, and get no signal of
    // ours.
    bool send(int signal) noexcept;
    // So that a signal that was sent to a command that is stopped gets there. That it was stopped
    // may be reported only after the signal.
    void go_on() noexcept {
        check();
        if (stopped_by_ != 0) send(SIGCONT);
    }

    // Learns what became of it, after each SIGCHLD.
    void check() noexcept;
    // The signal by which it is stopped; 0: it is not.
    [[nodiscard]] int stopped_by() const noexcept { return stopped_by_; }
    // It goes on, or will, when SIGCONT is passed on. A system may report that late, and what is
    // known until then is of a stop that is over.
    void was_continued() noexcept { stopped_by_ = 0; }
    [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }
    // Whether nobody whom it has left behind is in its process group.
    [[nodiscard]] bool is_group_gone() const noexcept;
    // Its exit status, or exit_code::by_signal.
    [[nodiscard]] int status() const noexcept { return status_; }

  private:
    pid_t pid_ = -1;
    bool own_group_;
    int error_ = 0;
    int stopped_by_ = 0;
    bool has_ended_ = false;
    int status_ = 0;
};

}  // namespace leaselock::cli

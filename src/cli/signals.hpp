// The signals of this process, while it waits for a lock and runs a command: none interrupts it,
// and each can be read once.
//
// Thread-safety: none. Made by the main thread before there is another one, so that all threads
// have them blocked.
#pragma once

#include <initializer_list>
#include <optional>
#include <signal.h>

#include "cli/descriptor.hpp"

namespace leaselock::cli {

struct Signal {
    int number = 0;
    bool from_kernel = false;  // from the terminal, say, which tells the whole process group
};

class Signals {
  public:
    // A signal that was ignored when we started (nohup) stays ignored. With `keep_job_control`
    // those that stop and continue a job do what they always do. `also`: further ones that are
    // read. Throws std::system_error.
    explicit Signals(bool keep_job_control, std::initializer_list<int> also = {});
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;
    ~Signals() = default;

    // To poll: readable when there is one.
    [[nodiscard]] int descriptor() const noexcept { return queue_.get(); }
    // Does not block. Nothing: there is none.
    [[nodiscard]] std::optional<Signal> next() noexcept;

    // Stops us and all of our process group, as Ctrl-Z does, and returns when somebody has
    // continued us. False at once: nobody is there who could, so the kernel does not stop us.
    [[nodiscard]] bool stop_job() const noexcept;

    // For the process that becomes the command: it has the signals that we were given.
    void restore() const noexcept { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

  private:
    sigset_t before_{};
    Descriptor queue_;
};

// Ends the program by this signal, without a core of ours for one that ended the command.
[[noreturn]] void end_by(int number) noexcept;

}  // namespace leaselock::cli

// The terminal, if we are in front of one: it is lent to the command, whose process group is then
// the one that reads from it and gets Ctrl-C and Ctrl-Z.
//
// Thread-safety: none. Needs SIGTTOU blocked.
#pragma once

#include <sys/types.h>

#include "cli/descriptor.hpp"

namespace leaselock::cli {

class Terminal {
  public:
    // `lend` says whether the command shall have it. In a pipeline it stays with us, for the
    // others of it may need it.
    explicit Terminal(bool lend);

    // For the command's process, before it is the command: it gets the terminal if we are in front.
    void lend_to(pid_t group) const noexcept;
    // It is ours again, if `group` has it.
    void take_back_from(pid_t group) const noexcept;
    // Whether there is one, and so somebody who stops and continues jobs.
    [[nodiscard]] bool is_there() const noexcept { return static_cast<bool>(device_); }

  private:
    pid_t ours_;  // our process group
    Descriptor device_;
};

}  // namespace leaselock::cli

// The terminal, if we are in front of one: it is lent to the command, whose process group is then
// the one that reads from it and gets Ctrl-C and Ctrl-Z. In a pipeline, whose others may need it,
// and where standard input is none, it is lent only when the command wants it.
//
// Thread-safety: none. Needs SIGTTOU blocked.
#pragma once

#include <sys/types.h>

#include "cli/descriptor.hpp"

namespace leaselock::cli {

class Terminal {
  public:
    // `may_lend`: the command has a process group of its own.
    explicit Terminal(bool may_lend);

    // Whether the command is to have it from the beginning.
    [[nodiscard]] bool lends_unasked() const noexcept { return lends_unasked_; }
    // `group` gets it if we are in front; whether it has got it.
    bool lend_to(pid_t group) const noexcept;
    // It is ours again if `group` has it; whether that had it.
    bool take_back_from(pid_t group) const noexcept;
    // Whether there is one, and so, perhaps, somebody who stops and continues jobs.
    [[nodiscard]] bool is_there() const noexcept { return static_cast<bool>(device_); }

  private:
    bool pass(pid_t from, pid_t to) const noexcept;

    pid_t ours_;  // our process group
    bool may_lend_;
    bool lends_unasked_;
    Descriptor device_;
};

}  // namespace leaselock::cli

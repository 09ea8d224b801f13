#include "cli/terminal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace leaselock::cli {
namespace {

bool is_pipe(int fd) {
    struct stat status {};
    return ::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

}  // namespace

Terminal::Terminal(bool may_lend)
    : ours_{::getpgrp()},
      may_lend_{may_lend},
      lends_unasked_{may_lend && ::isatty(STDIN_FILENO) == 1 && !is_pipe(STDOUT_FILENO)},
      device_{::open("/dev/tty", O_RDWR | O_CLOEXEC)} {}

bool Terminal::lend_to(pid_t group) const noexcept { return may_lend_ && pass(ours_, group); }

bool Terminal::take_back_from(pid_t group) const noexcept { return pass(group, ours_); }

bool Terminal::pass(pid_t from, pid_t to) const noexcept {
    return device_ && ::tcgetpgrp(device_.get()) == from && ::tcsetpgrp(device_.get(), to) == 0;
}

}  // namespace leaselock::cli

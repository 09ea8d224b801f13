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

Terminal::Terminal(bool lend) : ours_{::getpgrp()} {
    if (!lend || ::isatty(STDIN_FILENO) == 0 || is_pipe(STDOUT_FILENO)) return;
    device_ = Descriptor{::open("/dev/tty", O_RDWR | O_CLOEXEC)};
}

void Terminal::lend_to(pid_t group) const noexcept {
    if (device_ && ::tcgetpgrp(device_.get()) == ours_) ::tcsetpgrp(device_.get(), group);
}

void Terminal::take_back_from(pid_t group) const noexcept {
    if (device_ && ::tcgetpgrp(device_.get()) == group) ::tcsetpgrp(device_.get(), ours_);
}

}  // namespace leaselock::cli

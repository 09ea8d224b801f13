#include "cli/input.hpp"

#include <array>
#include <cerrno>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace leaselock::cli {

Input Input::standard() {
    Input input;
    struct stat status {};
    if (::fstat(STDIN_FILENO, &status) != 0) return input;
    const bool is_terminal = ::isatty(STDIN_FILENO) == 1;
    if (!is_terminal && !S_ISFIFO(status.st_mode) && !S_ISSOCK(status.st_mode)) return input;
    input.descriptor_ = STDIN_FILENO;
    input.events_ = is_terminal ? POLLIN : POLLRDHUP;
    return input;
}

bool Input::has_ended() noexcept {
    pollfd input{descriptor_, events_, 0};
    if (descriptor_ < 0 || ::poll(&input, 1, 0) != 1) return false;
    if ((input.revents & POLLIN) == 0) return true;
    std::array<char, 4096> dropped{};
    const ssize_t count = ::read(descriptor_, dropped.data(), dropped.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (count < 0) descriptor_ = -1;
    return count == 0;
}

}  // namespace leaselock::cli

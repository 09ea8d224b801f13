#include "file/member_fifo.hpp"

#include <fmt/format.h>
#include <unistd.h>

namespace leaselock::file {
namespace {

constexpr std::string_view member_mark = ".member-";
constexpr int fifo_flags = O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;

}  // namespace

std::string fifo_of(MemberId id) { return fmt::format("{}{:016x}", member_mark, id); }

bool is_of_member(std::string_view name) noexcept { return name.starts_with(member_mark); }

Descriptor open_fifo(int directory, const std::string& name, int access) noexcept {
    return Descriptor{::openat(directory, name.c_str(), access | fifo_flags)};
}

struct flock life() noexcept {
    struct flock whole {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    return whole;
}

bool take_life(const Descriptor& fd) noexcept {
    const struct flock whole = life();
    return ::fcntl(fd.get(), F_OFD_SETLK, &whole) == 0;
}

void sweep_member(int directory, const std::string& name) noexcept {
    const Descriptor fifo = open_fifo(directory, name, O_RDWR);
    if (fifo && take_life(fifo)) ::unlinkat(directory, name.c_str(), 0);
}

}  // namespace leaselock::file

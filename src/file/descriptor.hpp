// The descriptor of a file or of a directory, and whether that still has a name.
//
// Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/descriptor.hpp"

namespace leaselock::file {

using base::Descriptor;

// Kind, rights, owner, names and size of a file, and which one it is. Not its times: after a
// question for them the kernel keeps finer ones, and the next write has to store them.
constexpr unsigned looked_at =
    STATX_TYPE | STATX_MODE | STATX_UID | STATX_NLINK | STATX_SIZE | STATX_INO;

// Of what is open there. False: errno says why.
[[nodiscard]] inline bool look_at(const Descriptor& fd, struct statx& found) noexcept {
    return ::statx(fd.get(), "", AT_EMPTY_PATH, looked_at, &found) == 0;
}

// Whether what is open there has no name any more.
[[nodiscard]] inline bool is_removed(const Descriptor& fd) noexcept {
    struct statx found {};
    return !look_at(fd, found) || found.stx_nlink == 0;
}

// Which file of the machine it is, as long as somebody has it open.
struct FileId {
    std::uint64_t inode = 0;
    std::uint32_t major = 0;
    std::uint32_t minor = 0;

    [[nodiscard]] static FileId of(const struct statx& found) noexcept {
        return {found.stx_ino, found.stx_dev_major, found.stx_dev_minor};
    }
    bool operator==(const FileId&) const = default;
};

}  // namespace leaselock::file

// Whether a file is on this machine alone, so that the kernel's locks on it are those of all
// processes that use it.
//
// Thread-safety: functions without state.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "file/descriptor.hpp"

namespace leaselock::file {

// Those that are known. Any other may be on a server.
[[nodiscard]] inline bool is_local(const Descriptor& file) noexcept {
    constexpr std::uint32_t xfs = 0x58465342;
    constexpr std::uint32_t zfs = 0x2fc12fc1;
    constexpr std::uint32_t bcachefs = 0xca451a4e;
    constexpr std::array<std::uint32_t, 11> local{EXT4_SUPER_MAGIC,
                                                  TMPFS_MAGIC,
                                                  RAMFS_MAGIC,
                                                  BTRFS_SUPER_MAGIC,
                                                  OVERLAYFS_SUPER_MAGIC,
                                                  F2FS_SUPER_MAGIC,
                                                  REISERFS_SUPER_MAGIC,
                                                  NILFS_SUPER_MAGIC,
                                                  xfs,
                                                  zfs,
                                                  bcachefs};
    struct statfs system {};
    return ::fstatfs(file.get(), &system) == 0 &&
           std::ranges::find(local, static_cast<std::uint32_t>(system.f_type)) != local.end();
}

}  // namespace leaselock::file

// Writing to a file without a signal.
//
// Thread-safety: functions without state.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <unistd.h>

#include "file/descriptor.hpp"
#include "file/failure.hpp"

namespace leaselock::file {

// All of it, or not, with errno. Beyond the limit of the size of files (RLIMIT_FSIZE) it is EFBIG,
// without the signal that would end the process.
[[nodiscard]] inline bool wrote_at(const Descriptor& file, std::string_view bytes,
                                   off_t at) noexcept {
    struct rlimit limit {};
    const auto end = static_cast<rlim_t>(at) + bytes.size();
    if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && end > limit.rlim_cur) {
        errno = EFBIG;
        return false;
    }
    const ssize_t size = ::pwrite(file.get(), bytes.data(), bytes.size(), at);
    if (size >= 0 && static_cast<std::size_t>(size) != bytes.size()) errno = ENOSPC;
    return size == static_cast<ssize_t>(bytes.size());
}

inline void write_at(const Descriptor& file, std::string_view bytes, off_t at,
                     const std::string& name) {
    if (!wrote_at(file, bytes, at)) raise("cannot write", name);
}

}  // namespace leaselock::file

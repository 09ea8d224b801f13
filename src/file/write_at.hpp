// Writing to a file without a signal.
//
// Thread-safety: one thread at a time.
#pragma once

#include <cerrno>
#include <optional>
#include <string_view>
#include <sys/resource.h>
#include <unistd.h>

#include "file/descriptor.hpp"

namespace leaselock::file {

// How large a file may become (RLIMIT_FSIZE), asked for at the first write of a request. Whatever
// is beyond it is EFBIG, without the signal that would end the process.
class SizeLimit {
  public:
    [[nodiscard]] bool allows(rlim_t size) noexcept {
        struct rlimit limit {};
        if (!most_) most_ = ::getrlimit(RLIMIT_FSIZE, &limit) == 0 ? limit.rlim_cur : RLIM_INFINITY;
        return size <= *most_;
    }

  private:
    std::optional<rlim_t> most_{};
};

// All of it, or not, with errno.
[[nodiscard]] inline bool wrote_at(const Descriptor& file, std::string_view bytes, off_t at,
                                   SizeLimit& limit) noexcept {
    if (!limit.allows(static_cast<rlim_t>(at) + bytes.size())) {
        errno = EFBIG;
        return false;
    }
    const ssize_t size = ::pwrite(file.get(), bytes.data(), bytes.size(), at);
    if (size >= 0 && static_cast<std::size_t>(size) != bytes.size()) errno = ENOSPC;
    return size == static_cast<ssize_t>(bytes.size());
}

}  // namespace leaselock::file

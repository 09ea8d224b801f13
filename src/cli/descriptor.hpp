// File descriptors, and what a system call has given.
#pragma once

#include <cerrno>
#include <system_error>

#include "base/descriptor.hpp"

namespace leaselock::cli {

using base::Descriptor;

// What a system call has given, or std::system_error if that is -1.
inline int checked(int result, const char* what) {
    if (result < 0) throw std::system_error(errno, std::generic_category(), what);
    return result;
}

}  // namespace leaselock::cli

// Descriptors, and what system calls answer.
#pragma once

#include <cerrno>
#include <system_error>

#include "file_descriptor.hpp"

namespace leaselock::cli {

using detail::Descriptor;

// What a system call has given, or std::system_error if that is -1.
inline int checked(int result, const char* what) {
    if (result < 0) throw std::system_error(errno, std::generic_category(), what);
    return result;
}

}  // namespace leaselock::cli

// What a failed system call means for a call that wants a lock.
#pragma once

#include <cerrno>
#include <fmt/format.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <leaselock/error.hpp>

namespace leaselock::file {

class FileError : public std::runtime_error {
  public:
    FileError(Errc code, const std::string& why) : std::runtime_error{why}, code_{code} {}
    [[nodiscard]] Errc code() const noexcept { return code_; }

  private:
    Errc code_;
};

[[nodiscard]] inline Errc errc_of(int error) noexcept {
    switch (error) {
        case EACCES:
        case EPERM:
        case ELOOP: return Errc::access_denied;
        case EMFILE:
        case ENFILE: return Errc::too_many_clients;
        case ENOLCK:
        case ENOMEM: return Errc::out_of_memory;
        case EOPNOTSUPP:
        case ENOSYS: return Errc::not_supported;
        case ENOENT:
        case ENOTDIR: return Errc::connect_failed;
        default: return Errc::directory_unusable;
    }
}

// `what` could not be done, for the reason in errno; and it was not.
[[noreturn]] inline void raise(std::string_view what, std::string_view name) {
    const int error = errno;
    throw FileError(errc_of(error),
                    fmt::format("{} '{}': {}", what, name, std::generic_category().message(error)));
}

// Of the file that the reader has opened.
[[noreturn]] inline void raise(std::string_view what) {
    const int error = errno;
    throw FileError(errc_of(error),
                    fmt::format("{}: {}", what, std::generic_category().message(error)));
}

}  // namespace leaselock::file

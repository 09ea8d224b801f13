// The directory of locks for the users of a group.
#include <cerrno>
#include <charconv>
#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>
#include <vector>

#include <leaselock/error.hpp>
#include <leaselock/file.hpp>

#include "file/failure.hpp"
#include "file/location.hpp"
#include "file/lock_directory.hpp"

namespace leaselock {
namespace file {
namespace {

constexpr mode_t shared_mode = 02770;

gid_t group_of(const std::string& group) {
    std::vector<char> text(1U << 16U);
    struct group entry {};
    struct group* found = nullptr;
    ::getgrnam_r(group.c_str(), &entry, text.data(), text.size(), &found);
    if (found != nullptr) return found->gr_gid;
    gid_t number = 0;
    const char* const end = group.data() + group.size();
    const auto read = std::from_chars(group.data(), end, number);
    if (read.ec == std::errc{} && read.ptr == end) return number;
    throw LockError(Errc::invalid_option,
                    fmt::format("group = '{}', allowed is one that this machine knows", group));
}

// Makes it, with its files, if it is not there.
void make_with_files(const std::string& path, gid_t group) {
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) {
        if (errno != ENOENT) raise("cannot look at", path);
        make_directory(path, {.mode = shared_mode, .group = group});
        if (::lstat(path.c_str(), &found) != 0) raise("cannot look at", path);
    }
    if (!S_ISDIR(found.st_mode) || found.st_gid != group ||
        (found.st_mode & 07777U) != shared_mode) {
        throw FileError(Errc::directory_unusable,
                        fmt::format("'{}' is there already, and is no directory of group {} with "
                                    "mode {:o}: remove it while no lock of it is held, or name "
                                    "another",
                                    path, group, shared_mode));
    }
    LockDirectory directory{path};
    SizeLimit limit;
    (void)directory.fences(0, limit);
}

}  // namespace
}  // namespace file

void make_shared_lock_directory(const std::string& directory, const std::string& group) {
    if (!directory.starts_with('/')) {
        throw LockError(Errc::invalid_option,
                        fmt::format("directory = '{}', allowed is an absolute path", directory));
    }
    try {
        file::make_with_files(directory, file::group_of(group));
    } catch (const file::FileError& error) {
        throw LockError(error.code(), error.what());
    }
}

}  // namespace leaselock

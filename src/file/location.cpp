#include "file/location.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

#include <leaselock/error.hpp>
#include <leaselock/file.hpp>

#include "file/failure.hpp"

namespace leaselock {

// By what is the same for all processes of the machine, and never by what this one may do: else one
// for which the place is read-only would go to another, and have the locks that others hold.
std::string default_lock_directory() {
    struct stat found {};
    constexpr mode_t everybodys = 01777;
    const bool run_lock = ::lstat("/run/lock", &found) == 0 && S_ISDIR(found.st_mode) &&
                          (found.st_mode & everybodys) == everybodys;
    return fmt::format("{}/leaselock-{}", run_lock ? "/run/lock" : "/tmp", ::geteuid());
}

namespace file {
// Under a name of its own first, so that nobody finds it without its rights, of which a umask may
// even take the owner's away.
void make_directory(const std::string& path, const Rights& rights) {
    const std::size_t end = path.find_last_not_of('/');
    const std::size_t slash = path.find_last_of('/', end);
    std::string draft = path.substr(0, slash) + "/.leaselock-XXXXXX";
    const bool made =
        ::mkdtemp(draft.data()) != nullptr &&
        ::chown(draft.c_str(), static_cast<uid_t>(-1), rights.group) == 0 &&
        ::chmod(draft.c_str(), rights.mode) == 0 &&
        ::renameat2(AT_FDCWD, draft.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0;
    if (made) return;
    const int error = errno;
    ::rmdir(draft.c_str());
    errno = error;
    if (error != EEXIST) raise("cannot make the lock directory", path);
}

namespace {

Descriptor open_at(const std::string& path, int flags) {
    flags |= O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    Descriptor fd{::open(path.c_str(), flags)};
    if (!fd && errno == ENOENT) {
        make_directory(path, {});
        fd = Descriptor{::open(path.c_str(), flags)};
    }
    if (!fd) raise("cannot open the lock directory", path);
    return fd;
}

// systemd's PrivateTmp= mounts a directory of the service's own there.
bool has_private_tmp() {
    std::ifstream mounts{"/proc/self/mountinfo"};
    std::string line;
    while (std::getline(mounts, line)) {
        std::istringstream words{line};
        std::string root;
        std::string where;
        std::string skipped;
        words >> skipped >> skipped >> skipped >> root >> where;
        if (where == "/tmp" && root.find("systemd-private-") != std::string::npos) return true;
    }
    return false;
}

void check_owner(const std::string& path, const struct stat& found) {
    if (found.st_uid == ::geteuid() && (found.st_mode & (S_IWGRP | S_IWOTH)) == 0) return;
    throw FileError(Errc::access_denied,
                    fmt::format("lock directory '{}' belongs to user {} and has mode {:o}, allowed "
                                "is one of user {} that nobody else may write to",
                                path, found.st_uid, found.st_mode & 07777U, ::geteuid()));
}

}  // namespace

Descriptor open_directory(const std::string& path) { return open_at(path, 0); }

Descriptor open_own_directory(const std::string& path) {
    if (path.starts_with("/tmp/") && has_private_tmp()) {
        throw FileError(Errc::access_denied,
                        fmt::format("lock directory '{}' would be this service's alone, since its "
                                    "/tmp is private",
                                    path));
    }
    Descriptor fd = open_at(path, O_NOFOLLOW);
    struct stat found {};
    if (::fstat(fd.get(), &found) != 0) raise("cannot look at the lock directory", path);
    check_owner(path, found);
    return fd;
}

}  // namespace file

}  // namespace leaselock

// What is doubtful about a lock directory, for LockManager::check().
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "file/directory.hpp"
#include "file/failure.hpp"
#include "file/lock_file.hpp"
#include "file/names.hpp"

namespace leaselock::file {
namespace {

using Findings = std::vector<Finding>;

void tell(Findings& findings, Finding::Severity severity, std::string found, std::string advice) {
    findings.push_back({.severity = severity,
                        .subject = "directory",
                        .found = std::move(found),
                        .advice = std::move(advice)});
}
constexpr auto problem = Finding::Severity::problem;
constexpr auto hint = Finding::Severity::hint;

void look_at_file_system(const Directory& directory, Findings& findings) {
    struct statfs system {};
    if (::fstatfs(directory.fd(), &system) != 0) {
        raise("cannot look at the lock directory", directory.path());
    }
    constexpr std::array<std::uint32_t, 7> remote{
        NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC, SMB2_SUPER_MAGIC, CIFS_SUPER_MAGIC,
        CEPH_SUPER_MAGIC, V9FS_MAGIC,      FUSE_SUPER_MAGIC};
    if (std::ranges::find(remote, static_cast<std::uint32_t>(system.f_type)) == remote.end())
        return;
    tell(findings, problem,
         fmt::format("{} is on a file system of other machines", directory.path()),
         "use a directory of this machine, or Redis for several");
}

// Two openings of one file have to be in each other's way.
void try_locks(const Directory& directory, Findings& findings) {
    Descriptor one = directory.open_file(".fence", O_RDWR);
    Descriptor two = directory.open_file(".fence", O_RDWR);
    if (!one || !two) return;
    (void)directory.look_at_file(one, ".fence");
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_start = 1;  // where nobody is
    lock.l_len = 1;
    struct flock seen = lock;
    const bool locked = ::fcntl(one.get(), F_OFD_SETLK, &lock) == 0;
    const bool of_another = !locked && (errno == EAGAIN || errno == EACCES);
    const bool in_the_way = ::fcntl(two.get(), F_OFD_GETLK, &seen) == 0 && seen.l_type != F_UNLCK;
    if ((locked && in_the_way) || of_another) return;
    tell(findings, problem,
         fmt::format("the file system of {} has no locks of the kernel's", directory.path()),
         "use another directory: two may hold one of these locks");
}

// The path of each part of a path, from the root on.
std::vector<std::string> parts_of(const std::string& path) {
    std::vector<std::string> parts{"/"};
    for (std::size_t at = 1; at < path.size(); ++at) {
        if (path[at] == '/' && path[at - 1] != '/') parts.push_back(path.substr(0, at));
    }
    parts.push_back(path);
    return parts;
}

bool is_trusted(uid_t user) noexcept { return user == 0 || user == ::geteuid(); }

// Why others could put another directory in this one's place. Empty: they cannot.
std::string replaced_by(const std::string& path, bool& has_link) {
    struct stat above {};
    for (const std::string& part : parts_of(path)) {
        struct stat found {};
        if (::lstat(part.c_str(), &found) != 0) return {};
        has_link = has_link || S_ISLNK(found.st_mode);
        const bool is_last = part == path && !S_ISLNK(found.st_mode);
        if (!is_last && !is_trusted(found.st_uid)) {
            return fmt::format("{} belongs to user {}", part, found.st_uid);
        }
        const bool sticky = (found.st_mode & S_ISVTX) != 0;
        const bool others_write = (found.st_mode & (S_IWGRP | S_IWOTH)) != 0;
        if (!is_last && S_ISDIR(found.st_mode) && others_write && !sticky) {
            return fmt::format("others may write to {}", part);
        }
        const bool above_is_open = (above.st_mode & (S_IWGRP | S_IWOTH)) != 0;
        if (is_last && above_is_open && !is_trusted(found.st_uid)) {
            return fmt::format("{} belongs to user {}", part, found.st_uid);
        }
        above = found;
    }
    return {};
}

void look_at_path(const Directory& directory, Findings& findings) {
    bool has_link = false;
    std::string why = replaced_by(directory.path(), has_link);
    if (why.empty() && has_link) {
        struct Free {
            void operator()(char* text) const noexcept { ::free(text); }
        };
        const std::unique_ptr<char, Free> whole{::realpath(directory.path().c_str(), nullptr)};
        if (whole != nullptr) why = replaced_by(whole.get(), has_link);
    }
    if (why.empty()) return;
    tell(findings, problem,
         fmt::format("others can put another directory in the place of {}: {}", directory.path(),
                     why),
         "choose one below directories of root, or of this user, that nobody else may write to");
}

void look_at_rights(const Directory& directory, Findings& findings) {
    struct stat found {};
    if (::fstat(directory.fd(), &found) == 0 && (found.st_mode & S_IWOTH) != 0) {
        tell(findings, hint, fmt::format("everybody may write to {}", directory.path()),
             "leave it to a group: anybody can free these locks");
    }
    if (::fgetxattr(directory.fd(), "system.posix_acl_default", nullptr, 0) > 0) {
        tell(findings, hint,
             fmt::format("{} has a default access list, which may let read who may not write",
                         directory.path()),
             "take it away (setfacl -k): a user that may read a file can hold up its lock");
    }
}

void look_at_files(const Directory& directory, Findings& findings) {
    const std::vector<std::string> names = directory.names();
    const std::set<std::string> good(names.begin(), names.end());
    struct CloseListing {
        void operator()(DIR* open) const noexcept { ::closedir(open); }
    };
    const std::unique_ptr<DIR, CloseListing> all{
        ::fdopendir(::openat(directory.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC))};
    while (const dirent* const each = all == nullptr ? nullptr : ::readdir(all.get())) {
        const std::string name = each->d_name;
        if (!is_of_lock(name) || good.contains(name)) continue;
        tell(findings, hint,
             fmt::format("'{}/{}' is no file, or one that we may not read", directory.path(), name),
             "remove it: every call for the lock of that name is refused");
    }
    for (const std::string& name : names) {
        const LockFile file{directory, name, LockFile::Access::exists};
        if (!file || !file.is_of_another_boot()) continue;
        tell(findings, hint,
             fmt::format("'{}/{}' was written by a process that sees another boot id",
                         directory.path(), name),
             "if it is of a container, give all the same /proc/sys/kernel/random/boot_id");
    }
}

}  // namespace

void Directory::examine(std::vector<Finding>& findings) const {
    look_at_file_system(*this, findings);
    try_locks(*this, findings);
    look_at_path(*this, findings);
    look_at_rights(*this, findings);
    look_at_files(*this, findings);
}

}  // namespace leaselock::file

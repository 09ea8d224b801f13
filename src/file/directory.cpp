#include "file/directory.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <linux/magic.h>
#include <memory>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <utility>

#include <leaselock/error.hpp>
#include <leaselock/file.hpp>

#include "file/failure.hpp"
#include "file/names.hpp"

namespace leaselock {

std::string default_lock_directory() {
    const bool run_lock = ::access("/run/lock", W_OK | X_OK) == 0;
    return fmt::format("{}/leaselock-{}", run_lock ? "/run/lock" : "/tmp", ::geteuid());
}

namespace file {
namespace {

constexpr const char* fence_name = ".fence";
// Several bytes behind the token: who makes the file writes there, not where others may be already.
constexpr off_t fence_file_size = 16;

// Under a name of its own first, since a umask may take rights of the owner's away.
void make_directory(const std::string& path) {
    const std::size_t end = path.find_last_not_of('/');
    const std::size_t slash = path.find_last_of('/', end);
    std::string draft = path.substr(0, slash) + "/.leaselock-XXXXXX";
    const bool made =
        ::mkdtemp(draft.data()) != nullptr && ::chmod(draft.c_str(), 0700) == 0 &&
        ::renameat2(AT_FDCWD, draft.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0;
    if (made) return;
    const int error = errno;
    ::rmdir(draft.c_str());
    errno = error;
    if (error != EEXIST) raise("cannot make the lock directory", path);
}

Descriptor open_directory(const std::string& path, bool ours) {
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (ours ? O_NOFOLLOW : 0);
    Descriptor fd{::open(path.c_str(), flags)};
    if (!fd && errno == ENOENT) {
        make_directory(path);
        fd = Descriptor{::open(path.c_str(), flags)};
    }
    if (!fd) raise("cannot open the lock directory", path);
    return fd;
}

// Of those who may write to the directory, and of nobody else.
mode_t mode_of_files(mode_t directory) noexcept {
    const bool group = (directory & S_IWGRP) != 0;
    const bool others = (directory & S_IWOTH) != 0;
    return 0600U | (group ? 0060U : 0U) | (others ? 0006U : 0U);
}

// What stands in the place of a file.
const char* kind_of(mode_t mode) noexcept {
    switch (mode & S_IFMT) {
        case S_IFDIR: return "a directory";
        case S_IFIFO: return "a FIFO";
        case S_IFLNK: return "a link";
        case S_IFSOCK: return "a socket";
        default: return "a device";
    }
}

// Files that have their rights and not their name yet. Whoever is killed then leaves one.
constexpr std::string_view draft_mark = ".new-";
constexpr std::chrono::minutes longest_draft{1};

std::string draft_name() {
    std::uint64_t number = 0;
    if (::getrandom(&number, sizeof number, 0) != sizeof number) raise("cannot get", "random bits");
    return fmt::format("{}{:016x}", draft_mark, number);
}

void check_owner(const std::string& path, const struct stat& found) {
    if (found.st_uid == ::geteuid() && (found.st_mode & (S_IWGRP | S_IWOTH)) == 0) return;
    throw FileError(Errc::access_denied,
                    fmt::format("lock directory '{}' belongs to user {} and has mode {:o}, allowed "
                                "is one of user {} that nobody else may write to",
                                path, found.st_uid, found.st_mode & 07777U, ::geteuid()));
}

struct Close {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

}  // namespace

Directory::Directory(std::string path, bool ours)
    : path_{std::move(path)}, fd_{open_directory(path_, ours)} {
    struct stat found {};
    if (::fstat(fd_.get(), &found) != 0) raise("cannot look at the lock directory", path_);
    if (ours) check_owner(path_, found);
    file_mode_ = mode_of_files(found.st_mode);
    gives_group_ = (found.st_mode & S_ISGID) != 0;
    group_ = found.st_gid;
    map_fence();
}

Directory::~Directory() {
    if (fence_ != nullptr) ::munmap(fence_, sizeof *fence_);
}

void Directory::map_fence() {
    Descriptor file;
    while (!file) {
        file = open_file(fence_name, O_RDWR);
        if (!file) file = make_file(fence_name);
    }
    struct stat found {};
    const std::uint64_t none = 0;
    // Written, so that the memory is there.
    if (::fstat(file.get(), &found) != 0 ||
        (found.st_size < fence_file_size &&
         ::pwrite(file.get(), &none, sizeof none, sizeof none) < 0)) {
        raise("cannot write", path_of(fence_name));
    }
    void* const memory =
        ::mmap(nullptr, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (memory == MAP_FAILED) raise("cannot map", path_ + "/" + fence_name);
    fence_ = static_cast<std::uint64_t*>(memory);
}

bool Directory::is_removed() const noexcept { return file::is_removed(fd_); }

Descriptor Directory::open_file(const std::string& name, int flags) const {
    flags |= O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    Descriptor file{::openat(fd_.get(), name.c_str(), flags)};
    if (!file && errno == EACCES && mend_own(name)) {
        file = Descriptor{::openat(fd_.get(), name.c_str(), flags)};
    }
    if (!file && errno == ENOENT) return file;
    const int error = errno;
    struct stat found {};
    const bool known = file ? ::fstat(file.get(), &found) == 0
                            : ::fstatat(fd_.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0;
    if (known && !S_ISREG(found.st_mode)) {
        throw FileError(Errc::corrupt, fmt::format("'{}' is {}, and no file of a lock",
                                                   path_of(name), kind_of(found.st_mode)));
    }
    errno = error;
    if (!file) raise("cannot open", path_of(name));
    // A second name may be that of a file which is none of ours.
    const bool narrows = (found.st_mode & 0777U & ~file_mode_) != 0 && found.st_nlink == 1 &&
                         found.st_uid == ::geteuid();
    if (narrows) (void)::fchmod(file.get(), found.st_mode & file_mode_);
    return file;
}

// Where nobody else may enter, one who is ourselves may have made it under a umask that takes even
// our rights away.
bool Directory::mend_own(const std::string& name) const noexcept {
    struct stat found {};
    return is_ours_alone() &&
           ::fstatat(fd_.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(found.st_mode) && found.st_uid == ::geteuid() &&
           ::fchmodat(fd_.get(), name.c_str(), file_mode_, 0) == 0;
}

Descriptor Directory::make_file(const std::string& name) const {
    constexpr int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
    if (is_ours_alone()) {
        Descriptor file{::openat(fd_.get(), name.c_str(), flags, file_mode_)};
        if (!file && errno != EEXIST) raise("cannot make", path_of(name));
        return file;
    }
    for (;;) {
        const std::string draft = draft_name();
        Descriptor file = make_draft(draft);
        if (::renameat2(fd_.get(), draft.c_str(), fd_.get(), name.c_str(), RENAME_NOREPLACE) == 0) {
            return file;
        }
        const int error = errno;
        ::unlinkat(fd_.get(), draft.c_str(), 0);
        if (error == EEXIST) return {};
        errno = error;
        if (error != ENOENT) raise("cannot make", path_of(name));
    }
}

Descriptor Directory::make_draft(const std::string& draft) const {
    Descriptor file{
        ::openat(fd_.get(), draft.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, file_mode_)};
    if (!file) raise("cannot make a file in", path_);
    const bool needs_group = (file_mode_ & 0060U) != 0 && (file_mode_ & 0006U) == 0;
    const bool has_group =
        gives_group_ || !needs_group || ::fchown(file.get(), static_cast<uid_t>(-1), group_) == 0;
    if (has_group && ::fchmod(file.get(), file_mode_) == 0) return file;
    const int error = errno;
    ::unlinkat(fd_.get(), draft.c_str(), 0);
    errno = error;
    raise("cannot give the rights of its directory to a file in", path_);
}

void Directory::sweep(const std::string& draft) const noexcept {
    struct stat found {};
    if (::fstatat(fd_.get(), draft.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) return;
    const auto made = std::chrono::system_clock::from_time_t(found.st_ctime);
    if (std::chrono::system_clock::now() - made > longest_draft) {
        ::unlinkat(fd_.get(), draft.c_str(), 0);
    }
}

detail::Fences Directory::fences() const noexcept {
    const auto wall = std::chrono::system_clock::now().time_since_epoch();
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(wall).count();
    return {.last = std::atomic_ref{*fence_}.load(),
            .at_least = static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0))};
}

void Directory::publish(std::uint64_t fence) noexcept {
    const std::atomic_ref shared{*fence_};
    std::uint64_t last = shared.load();
    while (last < fence && !shared.compare_exchange_weak(last, fence)) {
    }
}

std::vector<std::string> Directory::names() const {
    const int copy = ::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0) raise("cannot open the lock directory", path_);
    const std::unique_ptr<DIR, Close> all{::fdopendir(copy)};
    if (all == nullptr) raise("cannot read the lock directory", path_);
    std::vector<std::string> names;
    while (const dirent* const each = ::readdir(all.get())) {
        const std::string name = each->d_name;
        if (name.starts_with(draft_mark)) sweep(name);
        const bool may_be_file = each->d_type == DT_REG || each->d_type == DT_UNKNOWN;
        if (may_be_file && is_of_lock(name) &&
            ::faccessat(fd_.get(), name.c_str(), R_OK, AT_EACCESS) == 0) {
            names.push_back(name);
        }
    }
    return names;
}

void Directory::examine(std::vector<Finding>& findings) const {
    struct statfs system {};
    if (::fstatfs(fd_.get(), &system) != 0) raise("cannot look at the lock directory", path_);
    constexpr std::array<std::uint32_t, 7> remote{
        NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC, SMB2_SUPER_MAGIC, CIFS_SUPER_MAGIC,
        CEPH_SUPER_MAGIC, V9FS_MAGIC,      FUSE_SUPER_MAGIC};
    if (std::ranges::find(remote, static_cast<std::uint32_t>(system.f_type)) != remote.end()) {
        findings.push_back({.subject = "directory",
                            .found = fmt::format("{} is on a file system of other machines", path_),
                            .advice = "use a directory of this machine, or Redis for several"});
    }
    struct stat found {};
    if (::fstat(fd_.get(), &found) == 0 && (found.st_mode & S_IWOTH) != 0) {
        findings.push_back({.severity = Finding::Severity::hint,
                            .subject = "directory",
                            .found = fmt::format("everybody may write to {}", path_),
                            .advice = "leave it to a group: anybody can free these locks"});
    }
}

}  // namespace file
}  // namespace leaselock

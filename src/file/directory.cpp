#include "file/directory.hpp"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <leaselock/error.hpp>

#include "file/failure.hpp"
#include "file/location.hpp"
#include "file/member_fifo.hpp"
#include "file/names.hpp"
#include "file/write_at.hpp"

namespace leaselock::file {
namespace {

// Of users that may write to the directory, and of no others.
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

// Files that have their rights and not their name yet. A process that is killed then leaves one.
constexpr auto same_user = static_cast<uid_t>(-1);
constexpr auto same_group = static_cast<gid_t>(-1);
constexpr std::string_view draft_mark = ".new-";
constexpr std::chrono::minutes longest_draft{1};

std::string draft_name() {
    std::uint64_t number = 0;
    if (::getrandom(&number, sizeof number, 0) != sizeof number) raise("cannot get", "random bits");
    return fmt::format("{}{:016x}", draft_mark, number);
}

struct Close {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

}  // namespace

Directory::Directory(std::string path, bool ours)
    : path_{std::move(path)}, fd_{ours ? open_own_directory(path_) : open_directory(path_)} {
    struct stat found {};
    if (::fstat(fd_.get(), &found) != 0) raise("cannot look at the lock directory", path_);
    file_mode_ = mode_of_files(found.st_mode);
    is_ours_alone_ = is_of_one_user() && found.st_uid == ::geteuid();
    owner_ = found.st_uid;
    gives_group_ = (found.st_mode & S_ISGID) != 0;
    group_ = found.st_gid;
}

bool Directory::is_removed() const noexcept { return file::is_removed(fd_); }

// Without its time of access, which would be written after each write. Only its owner may do so.
Descriptor Directory::try_to_open(const std::string& name, int flags) const noexcept {
    const auto open = [&](int more) {
        return Descriptor{::openat(fd_.get(), name.c_str(), flags | more, file_mode_)};
    };
    Descriptor file = open(is_ours_alone_ ? O_NOATIME : 0);
    const bool is_of_another = !file && errno == EPERM && is_ours_alone_;
    return is_of_another ? open(0) : std::move(file);
}

void Directory::check_kind(mode_t mode, const std::string& name) const {
    if (S_ISREG(mode)) return;
    throw FileError(Errc::corrupt,
                    fmt::format("'{}' is {}, and no file of a lock", path_of(name), kind_of(mode)));
}

Descriptor Directory::open_file(const std::string& name, int flags) const {
    flags |= O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    Descriptor file = try_to_open(name, flags);
    if (!file && errno == EACCES && mend_own(name)) file = try_to_open(name, flags);
    if (file || errno == ENOENT) return file;
    const int error = errno;
    struct stat found {};
    if (::fstatat(fd_.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0) {
        check_kind(found.st_mode, name);
    }
    errno = error;
    raise("cannot open", path_of(name));
}

struct statx Directory::look_at_file(const Descriptor& file, const std::string& name) const {
    struct statx found {};
    if (!look_at(file, found)) raise("cannot look at", path_of(name));
    check_kind(found.stx_mode, name);
    // A second name may be that of a file which is none of ours.
    const bool narrows = (found.stx_mode & 0777U & ~file_mode_) != 0 && found.stx_nlink == 1 &&
                         found.stx_uid == ::geteuid();
    if (narrows) (void)::fchmod(file.get(), found.stx_mode & file_mode_);
    return found;
}

bool Directory::look_at_name(const std::string& name, struct statx& found) const {
    if (::statx(fd_.get(), name.c_str(), AT_SYMLINK_NOFOLLOW, looked_at, &found) == 0) return true;
    if (errno == ENOENT) return false;
    raise("cannot look at", path_of(name));
}

// Where no other user may enter, our own may have made it under a umask that takes even
// our rights away.
bool Directory::mend_own(const std::string& name) const noexcept {
    struct stat found {};
    return is_ours_alone_ && ::fstatat(fd_.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(found.st_mode) && found.st_uid == ::geteuid() &&
           ::fchmodat(fd_.get(), name.c_str(), file_mode_, 0) == 0;
}

Descriptor Directory::open_or_make_file(const std::string& name, std::string_view content) const {
    // Nobody else can open it, and mend_own() sees to the umask.
    const bool at_once = is_ours_alone_ && content.empty();
    Descriptor file = open_file(name, at_once ? O_RDWR | O_CREAT : O_RDWR);
    if (!file && at_once) raise("cannot make", path_of(name));
    while (!file) {
        file = make_file(name, content);
        if (!file) file = open_file(name, O_RDWR);
    }
    return file;
}

// Not open: the name is taken.
Descriptor Directory::make_file(const std::string& name, std::string_view content) const {
    for (;;) {
        const std::string draft = draft_name();
        Descriptor file = make_draft(draft, content);
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

// What the directory does not give by itself.
bool Directory::needs_group() const noexcept {
    return !gives_group_ && (file_mode_ & 0060U) != 0 && (file_mode_ & 0006U) == 0;
}

bool Directory::make_fifo(const std::string& name) const noexcept {
    const auto give = [&](uid_t user, gid_t group) {
        return ::fchownat(fd_.get(), name.c_str(), user, group, AT_SYMLINK_NOFOLLOW) == 0;
    };
    return ::mkfifoat(fd_.get(), name.c_str(), file_mode_) == 0 &&
           (!needs_group() || give(same_user, group_)) &&
           (!is_of_one_user() || owner_ == ::geteuid() || give(owner_, same_group)) &&
           ::fchmodat(fd_.get(), name.c_str(), file_mode_, 0) == 0;
}

Descriptor Directory::make_draft(const std::string& draft, std::string_view content) const {
    Descriptor file{
        ::openat(fd_.get(), draft.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, file_mode_)};
    if (!file) raise("cannot make a file in", path_);
    SizeLimit limit;
    const bool has_group = !needs_group() || ::fchown(file.get(), same_user, group_) == 0;
    // Root in somebody's own directory would shut its owner out.
    const bool has_owner = !is_of_one_user() || ::fchown(file.get(), owner_, same_group) == 0;
    if (has_group && has_owner && ::fchmod(file.get(), file_mode_) == 0 &&
        (content.empty() || wrote_at(file, content, 0, limit))) {
        return file;
    }
    const int error = errno;
    ::unlinkat(fd_.get(), draft.c_str(), 0);
    errno = error;
    raise("cannot make a file in", path_);
}

void Directory::sweep(const std::string& draft) const noexcept {
    struct stat found {};
    if (::fstatat(fd_.get(), draft.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) return;
    const auto made = std::chrono::system_clock::from_time_t(found.st_mtime);
    if (std::chrono::system_clock::now() - made > longest_draft) {
        ::unlinkat(fd_.get(), draft.c_str(), 0);
    }
}

std::vector<std::string> Directory::names() const {
    // Then it may read none of the files, and would see no lock.
    if (::faccessat(fd_.get(), ".", W_OK, AT_EACCESS) != 0 && errno != EROFS) {
        raise("cannot look at the locks of", path_);
    }
    const int copy = ::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0) raise("cannot open the lock directory", path_);
    const std::unique_ptr<DIR, Close> all{::fdopendir(copy)};
    if (all == nullptr) raise("cannot read the lock directory", path_);
    std::vector<std::string> names;
    while (const dirent* const each = ::readdir(all.get())) {
        const std::string name = each->d_name;
        if (name.starts_with(draft_mark)) sweep(name);
        if (is_of_member(name)) sweep_member(fd(), name);
        const bool may_be_file = each->d_type == DT_REG || each->d_type == DT_UNKNOWN;
        if (may_be_file && is_of_lock(name) &&
            ::faccessat(fd_.get(), name.c_str(), R_OK, AT_EACCESS) == 0) {
            names.push_back(name);
        }
    }
    return names;
}

}  // namespace leaselock::file
